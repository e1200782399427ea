"""What is proved of a pipeline before it is delivered: its answers, alone and in any batch."""
