"""Atomic writes, file locks, caches, digests and fingerprints."""
