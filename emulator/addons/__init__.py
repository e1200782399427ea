"""Add-ons: a real PostgreSQL for heroku-postgresql."""
