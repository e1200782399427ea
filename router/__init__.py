"""The data plane: it routes, batches, mirrors and measures requests."""
