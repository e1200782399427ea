"""The converters of this folder."""

_REGRESSORS = (
    "ARDRegression",
    "BayesianRidge",
    "ElasticNet",
    "ElasticNetCV",
    "HuberRegressor",
    "Lars",
    "LarsCV",
    "Lasso",
    "LassoCV",
    "LassoLars",
    "LassoLarsCV",
    "LassoLarsIC",
    "LinearRegression",
    "MultiTaskElasticNet",
    "MultiTaskElasticNetCV",
    "MultiTaskLasso",
    "MultiTaskLassoCV",
    "OrthogonalMatchingPursuit",
    "OrthogonalMatchingPursuitCV",
    "PassiveAggressiveRegressor",
    "QuantileRegressor",
    "Ridge",
    "RidgeCV",
    "SGDRegressor",
    "TheilSenRegressor",
)
_CLASSIFIERS = (
    "PassiveAggressiveClassifier",
    "Perceptron",
    "RidgeClassifier",
    "RidgeClassifierCV",
)

CONVERTERS = {
    **{f"sklearn.linear_model.{name}": "linear_regressor" for name in _REGRESSORS},
    **{f"sklearn.linear_model.{name}": "linear_classifier" for name in _CLASSIFIERS},
    "sklearn.linear_model.GammaRegressor": "generalized_linear_regressor",
    "sklearn.linear_model.LogisticRegression": "logistic_regression",
    "sklearn.linear_model.LogisticRegressionCV": "logistic_regression",
    "sklearn.linear_model.PoissonRegressor": "generalized_linear_regressor",
    "sklearn.linear_model.SGDClassifier": "sgd_classifier",
    "sklearn.linear_model.TweedieRegressor": "generalized_linear_regressor",
    "sklearn.svm.LinearSVC": "linear_classifier",
    "sklearn.svm.LinearSVR": "linear_regressor",
}
