"""What the evidence says: signals, sequential tests, and the report of a verdict."""
