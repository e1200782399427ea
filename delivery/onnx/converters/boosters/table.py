"""The converters of this folder."""

CONVERTERS = {
    "lightgbm.sklearn.LGBMClassifier": "lightgbm",
    "lightgbm.sklearn.LGBMRegressor": "lightgbm",
    "xgboost.sklearn.XGBClassifier": "xgboost",
    "xgboost.sklearn.XGBRegressor": "xgboost",
    "xgboost.sklearn.XGBRFClassifier": "xgboost",
    "xgboost.sklearn.XGBRFRegressor": "xgboost",
}
