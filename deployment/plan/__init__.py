"""What a rollout would mean, before anything moves."""
