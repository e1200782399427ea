"""Real pipelines on real data, to deliver, serve and release."""
