"""What `load` prints."""
