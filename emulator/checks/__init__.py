"""Injected faults, conformance to Heroku's schema, and the report of what happened."""
