"""Converters of steps that choose columns."""
