"""Ways to treat gaps in numbers and in texts, before three kinds of model."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.impute import KNNImputer, MissingIndicator, SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler

from benchmarks.coverage import tables
from benchmarks.coverage.estimators import made
from benchmarks.coverage.panel_pipeline import PanelPipeline, fitted
from benchmarks.coverage.preprocessing import kinds, prepared
from delivery.recipe import Recipe

MODELS: dict[str, Callable[[], Any]] = {
    "logistic regression": lambda: LogisticRegression(max_iter=1000),
    "random forest": lambda: RandomForestClassifier(random_state=0),
    "boosted trees": lambda: HistGradientBoostingClassifier(max_iter=50, random_state=0),
}


def _encoded(**settings: Any) -> Any:
    return OneHotEncoder(handle_unknown="ignore", **settings)


def _numbered() -> Any:
    return OrdinalEncoder(
        handle_unknown="use_encoded_value", unknown_value=-1, encoded_missing_value=-2
    )


def _flagged() -> Any:
    union = FeatureUnion([("values", SimpleImputer()), ("gaps", MissingIndicator(features="all"))])
    return make_pipeline(union, StandardScaler())


# How numbers and how texts are treated.
WAYS: dict[str, tuple[Callable[[], Any], Callable[[], Any]]] = {
    "mean, texts encoded with gaps": (SimpleImputer, _encoded),
    "median with flags, most frequent text": (
        lambda: SimpleImputer(strategy="median", add_indicator=True),
        lambda: make_pipeline(SimpleImputer(strategy="most_frequent"), _encoded()),
    ),
    "a constant number, a constant text": (
        lambda: SimpleImputer(strategy="constant", fill_value=-999),
        lambda: make_pipeline(SimpleImputer(strategy="constant", fill_value="none"), _encoded()),
    ),
    "nearest neighbours, texts numbered": (KNNImputer, _numbered),
    "mean beside flags, rare texts together": (
        _flagged,
        lambda: OneHotEncoder(handle_unknown="infrequent_if_exist", min_frequency=40),
    ),
}


def pipelines() -> Iterator[PanelPipeline]:
    """Every way before every model, and models that take gaps themselves."""
    for way in WAYS:
        for model in MODELS:
            build = partial(_treated, way, model)
            yield PanelPipeline(f"{model}: {way}", "missing values", build)

    yield PanelPipeline("IterativeImputer", "missing values", _imputed_by_regression)
    yield PanelPipeline("gaps left to a random forest", "missing values", _left_to_a_forest)
    yield PanelPipeline("gaps left to boosted trees", "missing values", _left_to_boosting)
    yield PanelPipeline("categories of boosted trees", "missing values", _own_categories)


def _treated(way: str, model: str) -> Recipe:
    table = tables.gaps()
    numbers, categories = WAYS[way]
    first = prepared(table.frame, numbers(), categories())
    return fitted(make_pipeline(first, MODELS[model]()), table, table.binary)


def _imputed_by_regression() -> Recipe:
    table = tables.gaps()
    numbers = make_pipeline(made("IterativeImputer", max_iter=5), StandardScaler())
    first = prepared(table.frame, numbers)
    return fitted(make_pipeline(first, LogisticRegression()), table, table.binary)


def _left_to_a_forest() -> Recipe:
    table = tables.gaps()
    model = RandomForestClassifier(random_state=0)
    return fitted(make_pipeline(_numbers_as_they_are(), model), table, table.binary)


def _left_to_boosting() -> Recipe:
    table = tables.gaps()
    model = HistGradientBoostingClassifier(random_state=0, max_iter=50)
    return fitted(make_pipeline(_numbers_as_they_are(), model), table, table.several)


def _numbers_as_they_are() -> Any:
    numeric, _, texts = kinds(tables.gaps().frame)
    return ColumnTransformer(
        [("numbers", "passthrough", numeric), ("categories", _numbered(), texts)]
    )


def _own_categories() -> Recipe:
    """Columns that are categories in the frame, as the estimator itself takes them."""
    table = tables.gaps()
    frame = table.frame.astype({"city": "category", "plan": "category"})
    model = HistGradientBoostingClassifier(random_state=0, max_iter=50)
    table = tables.Table(frame, table.binary, table.several, table.value)
    return fitted(make_pipeline(model), table, table.binary)
