"""How much an image-level split overestimates a pipeline."""
