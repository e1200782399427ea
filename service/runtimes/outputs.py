"""The outputs of a version: which they are, and how several of them make one answer a row."""

from collections.abc import Sequence
from typing import Any

from service.bundle import Manifest, Output
from service.runtimes.model import Predictions

PREDICT, PROBABILITIES, DECISION = "predict", "predict_proba", "decision_function"
TRANSFORM, SCORES = "transform", "score_samples"
MOST_VALUES = 4096
"""Values of a row in one output at most: answers for many rows would fill a router's memory.

Probabilities have as many as there are classes.
"""
TOO_WIDE = (
    "the pipeline answers {:,} values a row, and an answer holds at most "
    f"{MOST_VALUES:,}: end it in a step that leaves fewer, such as TruncatedSVD"
)


def outputs_of(manifest: Manifest) -> list[Output]:
    """All outputs, the judged one first; of an older bundle the one that it names."""
    if manifest.outputs:
        return manifest.outputs

    if manifest.output == PROBABILITIES:
        return [Output(name=PROBABILITIES, shape=[len(manifest.classes or [])])]

    if manifest.task == "regression" or not manifest.classes:
        return [Output(name=manifest.output, shape=[])]

    return [Output(name=manifest.output, shape=[], datatype=datatype_of(manifest.classes))]


def datatype_of(values: Sequence[Any]) -> str:
    """The datatype of plain values: float where one is, else that of the first."""
    kinds = {bool: "bool", int: "int", float: "float"}
    present = {kinds.get(type(value), "string") for value in values}
    if present == {"int", "float"}:
        return "float"

    if len(present) == 1:
        return present.pop()

    return "string"


def by_row(answers: dict[str, Predictions]) -> Predictions:
    """One answer a row: of one output its own, of several a dictionary by name.

    Raises ValueError where they have different numbers of rows.
    """
    if len(answers) == 1:
        return next(iter(answers.values()))

    rows = zip(*answers.values(), strict=True)
    return [dict(zip(answers, row, strict=True)) for row in rows]


def by_output(names: Sequence[str], predictions: Predictions) -> dict[str, Predictions]:
    """The reverse of `by_row`; a row without a prediction has None in every output."""
    if len(names) == 1:
        return {names[0]: predictions}

    nothing = dict.fromkeys(names)
    rows = [prediction or nothing for prediction in predictions]
    return {name: [row[name] for row in rows] for name in names}


def decided_at(scores: Any) -> int:
    """The number of the class that scores decide for: the largest, or of one score by its sign."""
    if isinstance(scores, list):
        return scores.index(max(scores))

    return int(scores > 0)


def reads_classes(output: Output, classes: Sequence[Any] | None) -> bool:
    """Whether a list of this output has one number for each class, in their order."""
    if not classes or not output.shape:
        return False

    return output.name == PROBABILITIES or (
        output.name == DECISION and output.shape == [len(classes)]
    )
