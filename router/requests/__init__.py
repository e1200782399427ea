"""What a client sent: its body within bounds, its deadline, its unit."""
