"""Plugin names and selectors, resolved to classes."""
