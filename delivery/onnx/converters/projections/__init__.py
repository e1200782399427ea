"""Converters of steps that make other columns of weighted sums of the columns."""
