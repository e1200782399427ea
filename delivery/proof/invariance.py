"""Checks that the prediction of a row does not depend on its batch, as the router mixes requests.

The same rows are predicted alone, twice, in pairs, in other orders and in batches of several sizes.
"""

import random
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from delivery.proof.number_values import spread
from delivery.proof.output_checks import all_predictions
from service.bundle import Comparison
from service.comparison import same
from service.rows import Columns, row_count, take_rows
from service.runtimes.model import Model

ALONE = 32
# Of a request at the router's default limit.
LARGEST_BATCH = 512
# Of a large batch: each row that fails in one has to be searched for.
MOST_FAILING = 2
SEED = 7


@dataclass(frozen=True)
class BatchDependence:
    """A row whose prediction changed. batch_size: of the other batch; 1: it was alone again."""

    row: int
    alone: Any
    in_batch: Any
    batch_size: int


def batch_dependence(
    model: Model,
    columns: Columns,
    rule: Comparison,
    alone_only: bool = False,
    failing: Collection[int] = (),
) -> BatchDependence | None:
    """The first row whose prediction depends on its batch or on earlier calls, else None.

    alone_only: predict each row alone, in two orders, and nothing else. failing: rows that the
    model is known to fail on, which are in small batches, and seldom in large ones.
    """
    rows = row_count(columns)
    chosen = spread(rows, ALONE)
    alone = {row: _predict(model, columns, [row])[0] for row in chosen}
    for row in reversed(chosen):
        again = _predict(model, columns, [row])[0]
        if not same(alone[row], again, rule.pipeline, rule.scale):
            return BatchDependence(row, alone[row], again, 1)

    if alone_only:
        return None

    fails = {*failing, *(row for row in chosen if alone[row] is None)}
    for batch in _batches(chosen, rows, fails):
        for row, in_batch in zip(batch, _predict(model, columns, batch), strict=True):
            if row in alone and not same(alone[row], in_batch, rule.pipeline, rule.scale):
                return BatchDependence(row, alone[row], in_batch, len(batch))

    return None


def _batches(chosen: list[int], rows: int, fails: Collection[int]) -> Iterator[list[int]]:
    """Rows by their numbers. fails: those that the model fails on."""
    chance = random.Random(SEED)  # noqa: S311 (no secret)
    for size in (2, 7):
        for start in range(0, len(chosen), size):
            yield chosen[start : start + size]

    yield _with_few_of(fails, list(reversed(chosen)))
    for size in (len(chosen), 64, LARGEST_BATCH):
        others = [chance.randrange(rows) for _ in range(size - len(chosen))]
        batch = [*chosen, *others]
        chance.shuffle(batch)
        yield _with_few_of(fails, batch)

    # A full batch of almost only one row: what a step learns from its batch would be another thing.
    answered = [row for row in chosen if row not in fails]
    yield [chosen[0], *[(answered or chosen)[-1]] * (LARGEST_BATCH - 1)]


def _with_few_of(fails: Collection[int], batch: Sequence[int]) -> list[int]:
    """The batch, in its order, with the first of the rows that fail."""
    few = [row for row in batch if row in fails][:MOST_FAILING]
    return [row for row in batch if row not in fails or row in few]


def _predict(model: Model, columns: Columns, rows: Sequence[int]) -> list[Any]:
    """One prediction a row, None where it fails."""
    return all_predictions(model, take_rows(columns, list(rows)), len(rows))[0]
