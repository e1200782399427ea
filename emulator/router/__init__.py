"""HTTP from users to dynos."""
