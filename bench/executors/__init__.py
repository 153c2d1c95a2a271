"""Executors that run tasks on futures."""
