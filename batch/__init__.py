"""Batch prediction: a bundle over files of any size, outside of the router."""
