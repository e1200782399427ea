"""Converters of steps that prepare the columns."""
