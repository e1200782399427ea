"""The converters of this folder."""

CONVERTERS = {
    "sklearn.calibration.CalibratedClassifierCV": "calibrated",
    "sklearn.compose.TransformedTargetRegressor": "transformed_target",
    "sklearn.linear_model.RANSACRegressor": "wrapped",
    "sklearn.model_selection.FixedThresholdClassifier": "threshold",
    "sklearn.model_selection.TunedThresholdClassifierCV": "threshold",
    "sklearn.multiclass.OneVsOneClassifier": "one_vs_one",
    "sklearn.multiclass.OneVsRestClassifier": "one_vs_rest",
    "sklearn.multiclass.OutputCodeClassifier": "output_code",
    "sklearn.semi_supervised.SelfTrainingClassifier": "wrapped",
}
