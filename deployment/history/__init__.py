"""What was, when and why."""
