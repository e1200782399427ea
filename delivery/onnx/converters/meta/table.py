"""The converters of this folder."""

CONVERTERS = {
    "sklearn.calibration.CalibratedClassifierCV": "calibrated",
    "sklearn.ensemble.BaggingClassifier": "bagging",
    "sklearn.ensemble.BaggingRegressor": "bagging",
    "sklearn.ensemble.StackingClassifier": "stacking",
    "sklearn.ensemble.StackingRegressor": "stacking",
    "sklearn.ensemble.VotingClassifier": "voting",
    "sklearn.ensemble.VotingRegressor": "voting",
    "sklearn.model_selection.GridSearchCV": "search",
    "sklearn.model_selection.RandomizedSearchCV": "search",
    "sklearn.model_selection._search_successive_halving.HalvingGridSearchCV": "search",
    "sklearn.model_selection._search_successive_halving.HalvingRandomSearchCV": "search",
    "sklearn.compose.TransformedTargetRegressor": "transformed_target",
    "sklearn.linear_model.RANSACRegressor": "wrapped",
    "sklearn.model_selection.FixedThresholdClassifier": "threshold",
    "sklearn.model_selection.TunedThresholdClassifierCV": "threshold",
    "sklearn.multiclass.OneVsOneClassifier": "one_vs_one",
    "sklearn.multiclass.OneVsRestClassifier": "one_vs_rest",
    "sklearn.multiclass.OutputCodeClassifier": "output_code",
    "sklearn.semi_supervised.SelfTrainingClassifier": "wrapped",
}
