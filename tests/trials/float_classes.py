"""Classes 0.0 and 1.0, as every CSV gives them."""

from delivery.recipe import Recipe
from tests.trials import three_columns


def build() -> Recipe:
    """The honest one."""
    return three_columns.recipe(1, float)
