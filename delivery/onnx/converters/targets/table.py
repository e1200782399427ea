"""The converters of this folder."""

CONVERTERS = {
    "sklearn.multioutput.ClassifierChain": "classifier_chain",
    "sklearn.multioutput.MultiOutputClassifier": "multi_output_classifier",
    "sklearn.multioutput.MultiOutputRegressor": "multi_output_regressor",
    "sklearn.multioutput.RegressorChain": "regressor_chain",
}
