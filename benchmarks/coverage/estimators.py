"""Makes an estimator of scikit-learn by the name of its class, for every class that there is.

Most are made as their class makes them by default, with a seed. Those that would take minutes on
900 rows are made smaller.
"""

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import TransformedTargetRegressor
from sklearn.ensemble import (
    StackingClassifier,
    StackingRegressor,
    VotingClassifier,
    VotingRegressor,
)
from sklearn.experimental import enable_iterative_imputer  # noqa: F401 (its import enables it)
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.model_selection import FixedThresholdClassifier, TunedThresholdClassifierCV
from sklearn.multiclass import OneVsOneClassifier, OneVsRestClassifier, OutputCodeClassifier
from sklearn.multioutput import (
    ClassifierChain,
    MultiOutputClassifier,
    MultiOutputRegressor,
    RegressorChain,
)
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.semi_supervised import SelfTrainingClassifier
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor
from sklearn.utils import all_estimators

SEED = 0
SMALLER: dict[str, dict[str, Any]] = {
    "ARDRegression": {"max_iter": 50},
    "GaussianProcessClassifier": {"optimizer": None},
    "LogisticRegressionCV": {"Cs": 3, "cv": 3},
    "MLPClassifier": {"hidden_layer_sizes": (20,), "max_iter": 60},
    "MLPRegressor": {"hidden_layer_sizes": (20,), "max_iter": 60},
    "GaussianProcessRegressor": {"optimizer": None, "alpha": 0.1},
    "QuantileRegressor": {"alpha": 0.01},
    "RANSACRegressor": {"min_samples": 100},
    "TheilSenRegressor": {"max_subpopulation": 200, "max_iter": 30},
    "RadiusNeighborsClassifier": {"radius": 6.0, "outlier_label": "most_frequent"},
    "RadiusNeighborsRegressor": {"radius": 20.0},
    "LabelPropagation": {"gamma": 0.5},
    "LabelSpreading": {"gamma": 0.5},
    "QuadraticDiscriminantAnalysis": {"reg_param": 0.1},
    "NuSVC": {"nu": 0.1},
}
SEVERAL_TARGETS: dict[str, Callable[[], Any]] = {
    "ClassifierChain": lambda: ClassifierChain(LogisticRegression()),
    "MultiOutputClassifier": lambda: MultiOutputClassifier(LogisticRegression()),
    "MultiOutputRegressor": lambda: MultiOutputRegressor(Ridge()),
    "RegressorChain": lambda: RegressorChain(Ridge()),
}
AROUND_OTHERS: dict[str, Callable[[], Any]] = {
    "CalibratedClassifierCV": lambda: CalibratedClassifierCV(LinearSVC(random_state=SEED), cv=3),
    "FixedThresholdClassifier": lambda: FixedThresholdClassifier(
        LogisticRegression(), threshold=0.3
    ),
    "OneVsOneClassifier": lambda: OneVsOneClassifier(LinearSVC(random_state=SEED)),
    "OneVsRestClassifier": lambda: OneVsRestClassifier(LogisticRegression()),
    "OutputCodeClassifier": lambda: OutputCodeClassifier(
        LogisticRegression(), code_size=3, random_state=SEED
    ),
    "SelfTrainingClassifier": lambda: SelfTrainingClassifier(LogisticRegression()),
    "StackingClassifier": lambda: StackingClassifier(_classifiers(), cv=3),
    "StackingRegressor": lambda: StackingRegressor(_regressors(), cv=3),
    "TransformedTargetRegressor": lambda: TransformedTargetRegressor(
        LinearRegression(), func=np.log1p, inverse_func=np.expm1
    ),
    "TunedThresholdClassifierCV": lambda: TunedThresholdClassifierCV(
        LogisticRegression(), cv=3, random_state=SEED
    ),
    "VotingClassifier": lambda: VotingClassifier(_classifiers(), voting="soft"),
    "VotingRegressor": lambda: VotingRegressor(_regressors()),
}


def names(kind: str) -> list[str]:
    """The names of all classes of scikit-learn of a kind: classifier, regressor, transformer."""
    return [name for name, _ in all_estimators(type_filter=kind)]


def made(name: str, **settings: Any) -> Any:
    """An estimator by the name of its class; `settings` go before those of SMALLER."""
    if name in AROUND_OTHERS:
        return AROUND_OTHERS[name]()
    if name in SEVERAL_TARGETS:
        return SEVERAL_TARGETS[name]()

    kind = dict(all_estimators())[name]
    settings = SMALLER.get(name, {}) | settings
    if "random_state" in inspect.signature(kind).parameters:
        settings.setdefault("random_state", SEED)

    return kind(**settings)


def _classifiers() -> list[tuple[str, Any]]:
    return [
        ("tree", DecisionTreeClassifier(max_depth=5, random_state=SEED)),
        ("bayes", GaussianNB()),
        ("neighbours", KNeighborsClassifier()),
    ]


def _regressors() -> list[tuple[str, Any]]:
    return [
        ("tree", DecisionTreeRegressor(max_depth=5, random_state=SEED)),
        ("ridge", Ridge()),
        ("neighbours", KNeighborsRegressor()),
    ]
