"""An answer must not depend on its batch: the router puts rows of strangers into one.

The same rows are asked alone, twice, in pairs, in other orders and in batches of several sizes.
"""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from delivery.proof.output_checks import every_answer
from service.bundle import Comparison
from service.comparison import same
from service.model import Model
from service.rows import Columns

ALONE = 32
# Of a request at the router's default limit.
LARGEST_BATCH = 512
SEED = 7


@dataclass(frozen=True)
class Dependence:
    """A row whose answer changed. batch: rows it was asked with; 1: it was asked alone again."""

    row: int
    alone: Any
    beside: Any
    batch: int


def dependence(
    model: Model, columns: Columns, rule: Comparison, alone_only: bool = False
) -> Dependence | None:
    """The first row whose answer depends on its batch or on what was asked before; None where there
    is none.

    alone_only: ask each row alone, in two orders, and nothing else.
    """
    rows = len(next(iter(columns.values())))
    chosen = _spread(rows, ALONE)
    alone = {row: _answer(model, columns, [row])[0] for row in chosen}
    for row in reversed(chosen):
        again = _answer(model, columns, [row])[0]
        if not same(alone[row], again, rule.pipeline, rule.scale):
            return Dependence(row, alone[row], again, 1)

    for batch in () if alone_only else _batches(chosen, rows):
        for row, beside in zip(batch, _answer(model, columns, batch), strict=True):
            if row in alone and not same(alone[row], beside, rule.pipeline, rule.scale):
                return Dependence(row, alone[row], beside, len(batch))

    return None


def _batches(chosen: list[int], rows: int) -> Iterator[list[int]]:
    chance = random.Random(SEED)  # noqa: S311 (no secret)
    for size in (2, 7):
        yield from (chosen[start : start + size] for start in range(0, len(chosen), size))

    yield list(reversed(chosen))
    for size in (len(chosen), 64, LARGEST_BATCH):
        others = [chance.randrange(rows) for _ in range(size - len(chosen))]
        batch = [*chosen, *others]
        chance.shuffle(batch)
        yield batch

    # As many of one kind as a batch holds, so that what is learned from a batch would be another
    # thing.
    yield [chosen[0], *[chosen[-1]] * (LARGEST_BATCH - 1)]


def _spread(rows: int, count: int) -> list[int]:
    if rows > count:
        return sorted({place * rows // count for place in range(count)})
    return list(range(rows))


def _answer(model: Model, columns: Columns, places: Sequence[int]) -> list[Any]:
    """One prediction a row, None where it fails."""
    part = {name: array[list(places)] for name, array in columns.items()}
    return every_answer(model, part, len(places))[0]
