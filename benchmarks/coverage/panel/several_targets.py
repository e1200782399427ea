"""Estimators that answer several targets at once."""

from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np
from sklearn.pipeline import make_pipeline

from benchmarks.coverage import tables
from benchmarks.coverage.estimators import made
from benchmarks.coverage.panel_pipeline import PanelPipeline, fitted
from benchmarks.coverage.preprocessing import prepared
from benchmarks.coverage.tables import Table, fitted_rows, held_out_rows
from delivery.recipe import Recipe

OF_VALUES = (
    "CCA",
    "PLSCanonical",
    "PLSRegression",
    "MultiOutputRegressor",
    "RegressorChain",
    "MultiTaskElasticNet",
    "MultiTaskElasticNetCV",
    "MultiTaskLasso",
    "MultiTaskLassoCV",
    "RandomForestRegressor",
    "LinearRegression",
)
OF_CLASSES = ("ClassifierChain", "MultiOutputClassifier", "RandomForestClassifier")


def pipelines() -> Iterator[PanelPipeline]:
    """One of each."""
    for name in OF_VALUES:
        yield PanelPipeline(f"{name} of two values", "several targets", partial(_of_values, name))

    for name in OF_CLASSES:
        yield PanelPipeline(f"{name} of two labels", "several targets", partial(_of_classes, name))


def _of_values(name: str) -> Recipe:
    table = tables.gaps()
    targets = np.column_stack([table.value, np.sqrt(table.value) - table.binary])
    return fitted(_pipeline(table, name), table, targets)


def _of_classes(name: str) -> Recipe:
    """It serves the classes: probabilities of several labels are a list of lists."""
    table = tables.gaps()
    targets = np.column_stack([table.binary, (table.several == "high").astype(int)])
    pipeline = _pipeline(table, name)
    pipeline.fit(fitted_rows(table.frame), fitted_rows(targets))
    frame = table.frame
    held_out = held_out_rows(frame), held_out_rows(targets)
    return Recipe(pipeline, *held_out, "predict", fitted_rows(frame))


def _pipeline(table: Table, name: str) -> Any:
    return make_pipeline(prepared(table.frame), made(name))
