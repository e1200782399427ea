"""The random forest on flights with gaps, of more trees."""

from benchmarks.candidates import forest
from delivery.recipe import Recipe

TREES = 120


def build() -> Recipe:
    """As the smaller one."""
    return forest.build(TREES)
