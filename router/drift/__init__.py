"""Has a sample of users' rows counted in the bins of their versions' training, and reads it."""
