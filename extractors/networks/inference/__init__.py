"""Engines that compute a frozen network's features, and what keeps them fed."""
