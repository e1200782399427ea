"""The history on disk: counts by time, and what was judged then."""
