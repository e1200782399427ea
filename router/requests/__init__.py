"""What a client sent: its body within the limits, its headers, its deadline, its unit."""
