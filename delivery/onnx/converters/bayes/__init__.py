"""Converters of models that weigh how probable a row is in each class."""
