"""Networks as feature extractors: construction, pooling, image transform."""
