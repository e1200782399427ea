"""What a version is delivered from: one file a kind of source."""
