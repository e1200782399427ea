"""What each section of the page says, and its HTML."""
