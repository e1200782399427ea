"""Converters of clusters, mixtures and the outliers of one distribution."""
