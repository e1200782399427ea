"""Heroku as a place where versions run: the Platform API, what is sent there, and what it costs."""
