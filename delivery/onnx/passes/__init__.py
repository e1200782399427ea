"""Changes to a finished graph."""
