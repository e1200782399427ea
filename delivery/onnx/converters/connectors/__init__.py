"""Converters of what stands between the steps."""
