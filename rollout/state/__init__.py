"""What is: the ledger as one value, the split, a version's states, how a rollout is judged."""
