"""What handcrafted feature families share: regions, channels, quantisation, status codes."""
