"""Geometry of regions and outlines: pure functions without feature names or status codes."""
