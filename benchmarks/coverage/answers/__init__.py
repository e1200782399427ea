"""Hard rows, and what the pipeline and the version answer for them."""
