"""Converters of steps that replace the columns by fewer or other ones."""
