"""`load`: what is sent where, within which bounds, and what came of it."""
