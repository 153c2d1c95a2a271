"""Evidence for and against results: comparison, permutation tests, leakage, audit."""
