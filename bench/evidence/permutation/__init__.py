"""Permutation tests with refitted pipelines."""
