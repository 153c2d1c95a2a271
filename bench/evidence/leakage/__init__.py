"""Leakage report: how much an image-level split overestimates a pipeline."""
