"""Plan, run and store the experiments of a matrix."""
