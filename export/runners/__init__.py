"""What an exported folder predicts with: these files are copied as they are."""
