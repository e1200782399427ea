"""Files at any address: on this machine's disk, or where fsspec reaches."""
