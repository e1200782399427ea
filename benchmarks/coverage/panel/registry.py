"""All pipelines of the panel by name."""

from functools import cache

from benchmarks.coverage.panel import (
    boosting,
    categories,
    classifiers,
    missing_values,
    regressors,
    several_targets,
    texts,
    transformers,
    without_labels,
)
from benchmarks.coverage.panel_pipeline import PanelPipeline
from delivery.recipe import Recipe

FAMILIES = (
    classifiers,
    regressors,
    transformers,
    missing_values,
    categories,
    texts,
    without_labels,
    several_targets,
    boosting,
)


@cache
def panel() -> dict[str, PanelPipeline]:
    """All of them, by `family/name`."""
    by_name = {}
    for family in FAMILIES:
        for pipeline in family.pipelines():
            by_name[f"{pipeline.family}/{pipeline.name}"] = pipeline

    return by_name


@cache
def recipe_of(name: str) -> Recipe:
    """The recipe of the pipeline of that name, fitted once in this process."""
    return panel()[name].build()
