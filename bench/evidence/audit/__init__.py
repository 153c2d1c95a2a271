"""Audit of a dataset before training."""
