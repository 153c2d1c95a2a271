"""Readers of public datasets, one module for each."""
