"""Decisions, metrics and confidence intervals from stored predictions."""
