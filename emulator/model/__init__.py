"""The platform's state, and how the API shows it."""
