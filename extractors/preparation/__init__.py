"""Preparation of the pixels and masks of a cell before feature extraction."""
