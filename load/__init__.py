"""Load tests: arrivals, histograms and limits (pure), the engine that sends, and the report."""
