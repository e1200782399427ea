"""v1, until a file says that it is broken: then it fails every row. Its tests pass; what breaks it
comes later, as a service that it needs might.
"""

from dataclasses import replace

from benchmarks.candidates.breaking_pipeline import BreakingPipeline
from delivery.recipe import Recipe
from examples.flights import v1


def build() -> Recipe:
    """v1's recipe around the pipeline that breaks."""
    recipe = v1.build()
    return replace(recipe, pipeline=BreakingPipeline(recipe.pipeline.steps))
