"""Published systems as data, and their reproduction."""
