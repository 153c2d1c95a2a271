"""Kept predictions become decisions, metrics and intervals."""
