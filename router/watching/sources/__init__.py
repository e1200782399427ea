"""What the page is made of, and how it is read."""
