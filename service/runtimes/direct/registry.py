"""Which steps have a direct form, by their class in scikit-learn.

A class of somebody else, a subclass too, has none: its own method is called.
"""

from collections.abc import Callable
from typing import Any

from service.runtimes.direct import boosted_trees, encoders, imputers, linear, scalers, trees
from service.runtimes.direct.errors import NoDirectForm
from service.runtimes.direct.step import Transform

TRANSFORMERS: dict[str, Callable[[Any], Transform]] = {
    "StandardScaler": scalers.standard_scaler,
    "RobustScaler": scalers.robust_scaler,
    "MinMaxScaler": scalers.min_max_scaler,
    "MaxAbsScaler": scalers.max_abs_scaler,
    "SimpleImputer": imputers.simple_imputer,
    "OneHotEncoder": encoders.one_hot_encoder,
    "OrdinalEncoder": encoders.ordinal_encoder,
}
# They look values up, which must not be rounded before.
ENCODERS = ("OneHotEncoder", "OrdinalEncoder")
LAST_STEPS: dict[str, Callable[[Any, str], Transform]] = {
    "DecisionTreeClassifier": trees.classifier,
    "ExtraTreeClassifier": trees.classifier,
    "RandomForestClassifier": trees.classifier,
    "ExtraTreesClassifier": trees.classifier,
    "DecisionTreeRegressor": trees.regressor,
    "ExtraTreeRegressor": trees.regressor,
    "RandomForestRegressor": trees.regressor,
    "ExtraTreesRegressor": trees.regressor,
    "HistGradientBoostingClassifier": boosted_trees.classifier,
    "HistGradientBoostingRegressor": boosted_trees.regressor,
    "LogisticRegression": linear.logistic_regression,
    "SGDClassifier": linear.classifier,
    "LinearSVC": linear.classifier,
    "RidgeClassifier": linear.classifier,
    "Perceptron": linear.classifier,
    "LinearRegression": linear.regressor,
    "Ridge": linear.regressor,
    "Lasso": linear.regressor,
    "ElasticNet": linear.regressor,
    "BayesianRidge": linear.regressor,
    "HuberRegressor": linear.regressor,
    "LinearSVR": linear.regressor,
    "SGDRegressor": linear.regressor,
}


def class_name(step: Any) -> str:
    """The name of a class of scikit-learn's own; empty for all others."""
    kind = type(step)
    if kind.__module__.partition(".")[0] == "sklearn":
        return kind.__qualname__

    return ""


def transformer(step: Any, takes_dense: bool = True) -> Transform | None:
    """The direct form of a step that transforms, None where it has none.

    takes_dense: what follows takes a dense array where the step itself would give a sparse one.
    """
    if not takes_dense and getattr(step, "sparse_output", False):
        return None

    return _made(TRANSFORMERS.get(class_name(step)), step)


def last_step(step: Any, output: str) -> Transform | None:
    """The direct form of a step that answers, None where it has none.

    output: predict or predict_proba.
    """
    make = LAST_STEPS.get(class_name(step))
    if make is None or not hasattr(step, output):
        return None

    return _made(lambda step: make(step, output), step)


def _made(make: Callable[[Any], Transform] | None, step: Any) -> Transform | None:
    if make is None:
        return None

    try:
        return make(step)
    # Of another scikit-learn a step may lack what it is read from.
    except (NoDirectForm, AttributeError, TypeError):
        return None
