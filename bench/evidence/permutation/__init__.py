"""Permutation tests of whole pipelines."""
