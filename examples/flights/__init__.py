"""Will this flight arrive more than 15 minutes late? All flights from New York in 2013."""
