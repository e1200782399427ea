"""Brings what the router counts and judges into the history."""
