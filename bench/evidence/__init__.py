"""How far a result can be trusted: comparisons, chance, leakage."""
