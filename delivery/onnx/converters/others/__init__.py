"""Converters of estimators of no other family."""
