"""The feature store: features under a key made of all that went into them, checked, resumed and reused."""
