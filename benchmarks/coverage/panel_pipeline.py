"""A pipeline of the panel, and the recipe that it is delivered as."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from benchmarks.coverage.tables import Table, fitted_rows, held_out_rows
from delivery.recipe import Recipe


@dataclass(frozen=True)
class PanelPipeline:
    """A pipeline by its name within its family. build: fits it, which takes seconds."""

    name: str
    family: str
    build: Callable[[], Recipe]


def fitted(pipeline: Any, table: Table, target: Any) -> Recipe:
    """The pipeline fitted on the table's first rows; the others are held out.

    It serves probabilities where it has them, as the delivery of a pickle does.
    """
    pipeline.fit(fitted_rows(table.frame), fitted_rows(target))
    output = "predict_proba" if hasattr(pipeline, "predict_proba") else "predict"
    return Recipe(
        pipeline,
        held_out_rows(table.frame),
        held_out_rows(target),
        output,
        fitted_rows(table.frame),
    )


def fitted_without_labels(pipeline: Any, table: Table) -> Recipe:
    """An outlier detector or clusters, fitted on the table's first rows."""
    pipeline.fit(fitted_rows(table.frame))
    return Recipe(
        pipeline,
        held_out_rows(table.frame),
        None,
        "predict",
        fitted_rows(table.frame),
    )
