"""Predicts units on a cluster of Dask: its own on this machine, or one that runs."""
