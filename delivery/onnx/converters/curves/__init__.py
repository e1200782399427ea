"""Converters of steps that bend each column by a learned curve."""
