"""Pretrained weights: lookup, download and safe loading."""
