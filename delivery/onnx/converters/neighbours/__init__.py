"""Converters of models that look for the nearest training rows."""
