"""Measures of a region as a set of pixels and of its outline: pure functions, without names or statuses."""
