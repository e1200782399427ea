"""Converters of estimators that answer several targets by one estimator for each."""
