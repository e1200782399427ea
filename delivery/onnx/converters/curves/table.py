"""The converters of this folder."""

CONVERTERS = {
    "sklearn.preprocessing.PowerTransformer": "power_transformer",
    "sklearn.preprocessing.QuantileTransformer": "quantile_transformer",
    "sklearn.preprocessing.SplineTransformer": "spline_transformer",
}
