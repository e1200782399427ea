"""The converters of this folder."""

CONVERTERS = {
    "sklearn.dummy.DummyClassifier": "dummy",
    "sklearn.dummy.DummyRegressor": "dummy",
    "sklearn.isotonic.IsotonicRegression": "isotonic_curve",
    "sklearn.neural_network.MLPClassifier": "neural_network",
    "sklearn.neural_network.MLPRegressor": "neural_network",
}
