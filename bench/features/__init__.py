"""Feature extraction and feature tables."""
