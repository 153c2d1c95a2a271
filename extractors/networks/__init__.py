"""Neural networks: which exist, their weights, how cells become their input, and the one training loop."""
