"""One version as a service: verifies its bundle, loads it, predicts. Runs alone."""
