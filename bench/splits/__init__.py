"""Patient-grouped folds, fold manifests, and the access log of held-out cells."""
