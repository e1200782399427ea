"""What the platform knows, and how it shows it."""
