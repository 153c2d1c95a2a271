"""Handcrafted features: one family per module, combined by `catalogue`."""
