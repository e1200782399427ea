"""What is counted: of versions, of rollouts, of predictions and their labels."""
