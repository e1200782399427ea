"""Columns of texts in a graph: their nulls, and their lower case."""
