"""Probing every image file of a dataset, with a cache."""
