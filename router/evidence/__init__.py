"""Counts of versions, rollouts, predictions and labels."""
