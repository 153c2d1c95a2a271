"""Network architectures defined by this project, with their image transforms."""
