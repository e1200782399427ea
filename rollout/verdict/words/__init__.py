"""What a verdict's numbers mean, in words: the alarm, the way to a proof, and what is missing."""
