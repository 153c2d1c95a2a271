"""Training of networks with patient-disjoint early stopping."""
