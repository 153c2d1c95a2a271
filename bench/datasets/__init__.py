"""Readers that turn a path into a table of cells."""
