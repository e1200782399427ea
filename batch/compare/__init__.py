"""Compares what two versions predicted for the same files, row for row."""
