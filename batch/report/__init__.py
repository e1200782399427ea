"""One page about a finished run: its predictions and columns beside those of training."""
