"""Handcrafted features: one family of measurements a file, joined into transformers by the catalogue."""
