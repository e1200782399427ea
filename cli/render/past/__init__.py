"""What is printed of the history: numbers over time, and a moment of the past."""
