"""The converters of this folder."""

CONVERTERS = {
    "sklearn.calibration.CalibratedClassifierCV": "calibrated_classifier",
    "sklearn.ensemble.BaggingClassifier": "bagging_ensemble",
    "sklearn.ensemble.BaggingRegressor": "bagging_ensemble",
    "sklearn.ensemble.StackingClassifier": "stacking_ensemble",
    "sklearn.ensemble.StackingRegressor": "stacking_ensemble",
    "sklearn.ensemble.VotingClassifier": "voting_ensemble",
    "sklearn.ensemble.VotingRegressor": "voting_ensemble",
    "sklearn.model_selection.GridSearchCV": "search",
    "sklearn.model_selection.RandomizedSearchCV": "search",
    "sklearn.model_selection._search_successive_halving.HalvingGridSearchCV": "search",
    "sklearn.model_selection._search_successive_halving.HalvingRandomSearchCV": "search",
    "sklearn.compose.TransformedTargetRegressor": "transformed_target",
    "sklearn.linear_model.RANSACRegressor": "fitted_member",
    "sklearn.model_selection.FixedThresholdClassifier": "threshold",
    "sklearn.model_selection.TunedThresholdClassifierCV": "threshold",
    "sklearn.multiclass.OneVsOneClassifier": "one_vs_one",
    "sklearn.multiclass.OneVsRestClassifier": "one_vs_rest",
    "sklearn.multiclass.OutputCodeClassifier": "output_code",
    "sklearn.semi_supervised.SelfTrainingClassifier": "fitted_member",
}
