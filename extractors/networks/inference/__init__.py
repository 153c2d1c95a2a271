"""Inference with frozen networks: engines, conversion, caching and prefetching."""
