"""What the verb `tokens` prints."""
