"""Fit, tune and predict one fold: no disk, no executor, no feature store."""
