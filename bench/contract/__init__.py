"""Contract tests of plugins."""
