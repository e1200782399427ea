"""What the router shows of itself to Prometheus, in its log and in traces."""
