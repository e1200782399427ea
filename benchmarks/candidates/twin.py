"""v1 again: the same pipeline on the same rows, so nothing is wrong with it."""

from examples.flights.v1 import build

__all__ = ["build"]
