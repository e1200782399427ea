"""A load test as one HTML file."""
