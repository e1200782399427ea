"""Boosted trees and resampling of other packages, where those are installed."""

import importlib.util
from collections.abc import Iterator
from functools import partial
from typing import Any

from sklearn.ensemble import RandomForestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import LabelEncoder

from benchmarks.coverage import tables
from benchmarks.coverage.panel_pipeline import PanelPipeline, fitted
from benchmarks.coverage.preprocessing import filled_and_encoded, prepared
from delivery.recipe import Recipe

TREES = 60
SETTINGS: dict[str, dict[str, Any]] = {
    "lightgbm": {"n_jobs": 1, "verbose": -1},
    "xgboost": {"n_jobs": 1},
    "catboost": {"thread_count": 1, "verbose": False, "allow_writing_files": False},
}
CLASSIFIERS = {
    "lightgbm": "LGBMClassifier",
    "xgboost": "XGBClassifier",
    "catboost": "CatBoostClassifier",
}
REGRESSORS = {
    "lightgbm": "LGBMRegressor",
    "xgboost": "XGBRegressor",
    "catboost": "CatBoostRegressor",
}
FAMILIES = (*CLASSIFIERS, "imbalanced-learn")
"""By the names of the packages, as package indexes have them."""


def pipelines() -> Iterator[PanelPipeline]:
    """Four of each package that is installed."""
    for package in filter(_is_installed, CLASSIFIERS):
        builds = {
            f"{CLASSIFIERS[package]} with gaps": partial(_with_gaps, package),
            f"{CLASSIFIERS[package]} of four classes": partial(_of_several_classes, package),
            f"{REGRESSORS[package]} with gaps": partial(_value_with_gaps, package),
            f"{REGRESSORS[package]} on integers": partial(_value_of_integers, package),
        }
        for name, build in builds.items():
            yield PanelPipeline(name, package, build)

    if _is_installed("imblearn"):
        yield PanelPipeline("RandomOverSampler, random forest", "imbalanced-learn", _oversampled)


def _is_installed(package: str) -> bool:
    return importlib.util.find_spec(package) is not None


def _classifier(package: str) -> Any:
    return _made(package, CLASSIFIERS[package])


def _regressor(package: str) -> Any:
    return _made(package, REGRESSORS[package])


def _made(package: str, name: str) -> Any:
    kind = getattr(importlib.import_module(package), name)
    return kind(n_estimators=TREES, random_state=0, **SETTINGS[package])


def _with_gaps(package: str) -> Recipe:
    """Gaps in numbers are left to the trees."""
    table = tables.gaps()
    first = prepared(table.frame, "passthrough", filled_and_encoded())
    return fitted(make_pipeline(first, _classifier(package)), table, table.binary)


def _of_several_classes(package: str) -> Recipe:
    """Their classes are numbers, since one of the packages takes no others."""
    table = tables.integers()
    target = LabelEncoder().fit_transform(table.several)
    return fitted(make_pipeline(_classifier(package)), table, target)


def _value_with_gaps(package: str) -> Recipe:
    table = tables.gaps()
    first = prepared(table.frame, "passthrough", filled_and_encoded())
    return fitted(make_pipeline(first, _regressor(package)), table, table.value)


def _value_of_integers(package: str) -> Recipe:
    table = tables.integers()
    return fitted(make_pipeline(_regressor(package)), table, table.value)


def _oversampled() -> Recipe:
    from imblearn.over_sampling import RandomOverSampler
    from imblearn.pipeline import make_pipeline as make_resampling_pipeline

    table = tables.gaps()
    steps = prepared(table.frame), RandomOverSampler(random_state=0)
    model = RandomForestClassifier(50, random_state=0)
    return fitted(make_resampling_pipeline(*steps, model), table, table.several == "high")
