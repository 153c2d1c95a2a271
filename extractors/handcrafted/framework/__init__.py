"""Framework of the feature families: regions, channels, quantisation, status codes."""
