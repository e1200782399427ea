"""What router and service share of logs and traces."""
