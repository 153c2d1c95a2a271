"""Neural networks: architectures, weights, image transforms, inference and training."""
