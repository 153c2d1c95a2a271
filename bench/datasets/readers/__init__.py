"""Readers of dataset layouts, and image and mask decoding."""
