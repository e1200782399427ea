"""Encoders on columns of many categories, before a line and before trees."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from sklearn.ensemble import GradientBoostingRegressor, RandomForestClassifier
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, TargetEncoder

from benchmarks.coverage import tables
from benchmarks.coverage.panel_pipeline import PanelPipeline, fitted
from benchmarks.coverage.preprocessing import prepared
from delivery.recipe import Recipe

ENCODERS: dict[str, Callable[[], Any]] = {
    "OneHotEncoder": lambda: OneHotEncoder(handle_unknown="ignore"),
    "OneHotEncoder without the first": lambda: OneHotEncoder(drop="first", handle_unknown="ignore"),
    "OneHotEncoder of frequent ones": lambda: OneHotEncoder(
        handle_unknown="infrequent_if_exist", max_categories=30
    ),
    "OrdinalEncoder": lambda: OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1),
    "OrdinalEncoder of frequent ones": lambda: OrdinalEncoder(
        handle_unknown="use_encoded_value", unknown_value=-1, min_frequency=5
    ),
    "TargetEncoder": lambda: TargetEncoder(random_state=0),
}
MODELS: dict[str, Callable[[], Any]] = {
    "logistic regression": lambda: LogisticRegression(max_iter=1000),
    "random forest": lambda: RandomForestClassifier(random_state=0),
    "ridge": Ridge,
    "boosted trees": lambda: GradientBoostingRegressor(random_state=0),
}
OF_VALUES = {"ridge", "boosted trees"}


def pipelines() -> Iterator[PanelPipeline]:
    """Every encoder before every model."""
    for encoder in ENCODERS:
        for model in MODELS:
            build = partial(_encoded, encoder, model)
            yield PanelPipeline(f"{encoder}, {model}", "many categories", build)


def _encoded(encoder: str, model: str) -> Recipe:
    table = tables.products()
    target = table.value if model in OF_VALUES else table.binary
    first = prepared(table.frame, categories=ENCODERS[encoder]())
    return fitted(make_pipeline(first, MODELS[model]()), table, target)
