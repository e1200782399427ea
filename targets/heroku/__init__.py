"""Heroku: one app a version."""
