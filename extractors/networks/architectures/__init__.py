"""Network architectures defined by this project."""
