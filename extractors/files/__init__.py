"""Files shared by processes: atomic writes, locks, stamps, digests and the cache folder."""
