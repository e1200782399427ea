"""What is kept of the past: counts that add up, rolled up by second, minute and hour. Pure."""
