"""Reading a cell, preparing it, turning it into features: scikit-learn transformers."""
