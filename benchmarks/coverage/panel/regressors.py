"""Every regressor on customers with gaps, and some of each kind on integers."""

from collections.abc import Iterator
from functools import partial
from typing import Any

from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from benchmarks.coverage import tables
from benchmarks.coverage.estimators import SEVERAL_TARGETS, made, names
from benchmarks.coverage.panel_pipeline import PanelPipeline, fitted
from benchmarks.coverage.preprocessing import prepared
from delivery.recipe import Recipe

# Those of several targets at once, of which the family of that name has some.
OF_SEVERAL_TARGETS = {
    *SEVERAL_TARGETS,
    "CCA",
    "PLSCanonical",
    "MultiTaskElasticNet",
    "MultiTaskElasticNetCV",
    "MultiTaskLasso",
    "MultiTaskLassoCV",
}
ON_INTEGERS = (
    "AdaBoostRegressor",
    "BaggingRegressor",
    "DecisionTreeRegressor",
    "ExtraTreesRegressor",
    "GradientBoostingRegressor",
    "HistGradientBoostingRegressor",
    "KNeighborsRegressor",
    "LinearRegression",
    "MLPRegressor",
    "PoissonRegressor",
    "RandomForestRegressor",
    "SVR",
)


def pipelines() -> Iterator[PanelPipeline]:
    """One of all classes for one target, two of those ON_INTEGERS."""
    for name in names("regressor"):
        if name not in OF_SEVERAL_TARGETS:
            yield PanelPipeline(f"{name} with gaps", "regressors", partial(_with_gaps, name))

    for name in ON_INTEGERS:
        build = partial(_on_integers, name)
        yield PanelPipeline(f"{name} on integers", "integers on thresholds", build)


def _with_gaps(name: str) -> Recipe:
    table = tables.gaps()
    first = prepared(table.frame)
    if name == "IsotonicRegression":
        first = _income_alone()

    return fitted(make_pipeline(first, made(name)), table, table.value)


def _income_alone() -> Any:
    """The one column that this regressor takes."""
    return ColumnTransformer([("income", SimpleImputer(strategy="median"), ["income"])])


def _on_integers(name: str) -> Recipe:
    table = tables.integers()
    return fitted(make_pipeline(StandardScaler(), made(name)), table, table.value)
