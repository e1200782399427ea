"""Counts the adversarial rows that a version answers otherwise than its pipeline."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain, islice
from typing import Any

from benchmarks.coverage.answers.adversarial_rows import AdversarialRow, RowMaker
from benchmarks.coverage.answers.own_answers import OwnAnswers
from benchmarks.coverage.answers.served_answers import NOT_TAKEN, ServedAnswers
from benchmarks.coverage.answers.step_rows import step_rows
from delivery.recipe import Recipe
from service.bundle import Manifest
from service.comparison import same

ROWS = 2000
BATCH = 500
# More rows than these are not made for one that takes few of them.
MOST_MADE = 3 * ROWS
SHOWN = 3


@dataclass(frozen=True)
class Differences:
    """rows: those that the signature takes.

    wrong: those that get another answer. refused: those that fail and that the pipeline answers.
    shown: the first differences, in words.
    """

    rows: int
    wrong: int
    refused: int
    shown: tuple[str, ...]


def differences(recipe: Recipe, served: ServedAnswers, rows: int = ROWS) -> Differences:
    """Ask the pipeline and the version for the same rows."""
    own, rule = OwnAnswers(recipe), Rule.of(served.manifest)
    taken, wrong, refused = 0, 0, 0
    shown: list[str] = []
    for batch in _batches(_made(recipe, own), rows):
        plain = [made.row for made in batch]
        expected, actual = own.answers(plain), served.answers(plain)
        for made, one, other in zip(batch, expected, actual, strict=True):
            if other is NOT_TAKEN or taken == rows:
                continue

            taken += 1
            if is_right(one, other, rule):
                continue

            wrong += other is not None
            refused += other is None
            shown.append(_in_words(made, one, other))

        if taken == rows:
            break

    return Differences(taken, wrong, refused, tuple(shown[:SHOWN]))


@dataclass(frozen=True)
class Rule:
    """How far a right answer may be from the pipeline's own, as delivery measures it."""

    tolerance: float
    scale: float
    is_probability: bool

    @classmethod
    def of(cls, manifest: Manifest) -> "Rule":
        """That of the runtime which a version is served by."""
        comparison = manifest.comparison
        tolerance = comparison.pipeline
        if manifest.runtime.certified == "onnx":
            tolerance = comparison.certification

        return cls(tolerance, comparison.scale, manifest.output == "predict_proba")


def is_right(expected: Any, actual: Any, rule: Rule) -> bool:
    """Whether an answer is the pipeline's. None stands for a failure."""
    if expected is None or actual is None:
        return expected is actual

    if not same(expected, actual, rule.tolerance, rule.scale):
        return False

    return not rule.is_probability or _class(expected) == _class(actual)


def _class(probabilities: list[float]) -> int:
    return probabilities.index(max(probabilities))


def _made(recipe: Recipe, own: OwnAnswers) -> Iterator[AdversarialRow]:
    frame = recipe.held_out if recipe.training is None else recipe.training
    maker = RowMaker(frame)
    return chain(step_rows(own, maker), islice(maker.rows(), MOST_MADE))


def _batches(made: Iterable[AdversarialRow], rows: int) -> Iterator[list[AdversarialRow]]:
    iterator = iter(made)
    while batch := list(islice(iterator, min(rows, BATCH))):
        yield batch


def _in_words(made: AdversarialRow, expected: Any, actual: Any) -> str:
    return f"{made.kind}: {made.row} gets {_short(actual)}, its pipeline says {_short(expected)}"


def _short(answer: Any) -> str:
    if answer is None:
        return "an error"

    return str(answer)[:100]
