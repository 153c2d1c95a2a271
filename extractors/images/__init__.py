"""Decoding of image and mask files."""
