"""Converters of models that are a weighted sum of the columns."""
