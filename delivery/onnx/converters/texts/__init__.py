"""Converters of vectorizers of texts."""
