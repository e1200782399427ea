"""The converters of this folder."""

_SELECTORS = (
    "GenericUnivariateSelect",
    "RFE",
    "RFECV",
    "SelectFdr",
    "SelectFpr",
    "SelectFromModel",
    "SelectFwe",
    "SelectKBest",
    "SelectPercentile",
    "SequentialFeatureSelector",
    "VarianceThreshold",
)

CONVERTERS = {f"sklearn.feature_selection.{name}": "selector" for name in _SELECTORS}
