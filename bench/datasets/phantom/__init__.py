"""Synthetic cells with known truth."""
