"""Statistical comparison of pipelines."""
