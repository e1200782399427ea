"""One use case a verb."""
