"""Converters of models that compare a row with training rows by a kernel."""
