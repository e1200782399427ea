"""Faults on demand, conformance to Heroku's schema, and an account of what happened."""
