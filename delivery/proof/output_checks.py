"""Describes what a pipeline answers for a row, and refuses what a version cannot answer.

Every row needs an answer of the same shape: one value, a list of values, or of several targets a
list of their probabilities.
"""

import math
from collections.abc import Sequence
from typing import Any

from delivery.errors import DeliveryError
from delivery.json_texts import is_whole_text
from delivery.proof.evaluation import target_classes
from delivery.recipe import Recipe
from service.bundle import Output
from service.rows import Columns
from service.runtimes.failed_rows import RowFailures, predict_each
from service.runtimes.model import Model
from service.runtimes.outputs import (
    MOST_VALUES,
    PREDICT,
    PROBABILITIES,
    SCORES,
    TOO_WIDE,
    TRANSFORM,
    by_output,
    datatype_of,
)

# Of 32-bit probabilities the sums are one only to seven digits; some classifiers round theirs.
SUM_TOLERANCE = 1e-3
# Of a table of zeros and ones with a column for each label.
LABEL_CLASSES = [0, 1]


def all_predictions(model: Model, columns: Columns, rows: int) -> tuple[list[Any], dict[int, str]]:
    """Predictions of all rows, None where one fails, and the failures by row.

    The search for the rows that fail takes as long as it needs.
    """
    try:
        return predict_each(model, columns, rows, clock=lambda: 0.0), {}
    except RowFailures as failed:
        return failed.predictions, failed.failures


def described_outputs(
    recipe: Recipe, predictions: list[Any], failures: dict[int, str]
) -> list[Output]:
    """The outputs by what was answered for the rows that did not fail.

    Raises DeliveryError naming the output and the row where one cannot be served.
    """
    rows = [row for row in range(len(predictions)) if row not in failures]
    outputs = []
    for name, answers in by_output(recipe.outputs, predictions).items():
        outputs.append(_described(recipe, name, rows, [answers[row] for row in rows]))

    return outputs


def _described(recipe: Recipe, name: str, rows: list[int], answers: list[Any]) -> Output:
    """rows: their numbers among the held-out rows, for messages."""
    if name == PROBABILITIES:
        return _probabilities(recipe, rows, answers)

    shape = _shape(name, answers[0])
    for row, answer in zip(rows, answers, strict=True):
        if _shape(name, answer) != shape:
            raise DeliveryError(
                f"{name} gives {_counted(answers[0])} in held-out row {rows[0]} and "
                f"{_counted(answer)} in held-out row {row}: every row needs an answer of one shape"
            )

        _require_shape(name, row, shape)
        for value in _values(answer):
            _require_value(name, row, value)

    flat = [value for answer in answers for value in _values(answer)]
    datatype = datatype_of(flat)
    if datatype == "int" and not _answers_classes(recipe, name):
        # Numbers that are whole by chance, or in this version only.
        datatype = "float"

    classes = _classes_of_list(recipe, shape) if name == PREDICT else None
    names = _names(recipe, name, shape)
    return Output(name=name, shape=shape, datatype=datatype, names=names, classes=classes)


def _shape(name: str, answer: Any) -> list[int]:
    """[] of one value, [k] of a list of k; raises DeliveryError for lists of lists."""
    if not isinstance(answer, list):
        return []

    if any(isinstance(value, list) for value in answer):
        raise DeliveryError(
            f"{name} gives a list of lists a row, and a version answers a value or a list of "
            f"values: flatten it in the pipeline, such as by answer.reshape(len(answer), -1)"
        )

    return [len(answer)]


def _counted(answer: Any) -> str:
    if isinstance(answer, list):
        return f"{len(answer)} values"

    return "one value"


def _values(answer: Any) -> list[Any]:
    if isinstance(answer, list):
        return answer

    return [answer]


def _require_shape(name: str, row: int, shape: list[int]) -> None:
    width = math.prod(shape)
    if width > MOST_VALUES:
        raise DeliveryError(TOO_WIDE.format(width))

    if width == 0:
        raise DeliveryError(f"{name} gives an empty list in held-out row {row}: nothing to answer")

    if shape == [1] and name == PREDICT:
        raise DeliveryError(
            f"predict gives a list of 1 a row (held-out row {row}), which is one value: fit it on "
            f"a target of one dimension, y.ravel()"
        )

    if shape and name == SCORES:
        raise DeliveryError(
            f"score_samples gives {width} values a row (held-out row {row}), and a score is one"
        )


def _require_value(name: str, row: int, value: Any) -> None:
    if isinstance(value, str) and not is_whole_text(value):
        raise DeliveryError(
            f"{name} gives {value!r} in held-out row {row}, which has half a character "
            f"and JSON cannot hold: answer whole texts"
        )

    plain = isinstance(value, (bool, int, float, str))
    if not plain or (isinstance(value, float) and not math.isfinite(value)):
        raise DeliveryError(
            f"{name} gives {value!r} ({type(value).__name__}) in held-out row "
            f"{row}, and a version answers finite numbers, texts or booleans: convert it in the "
            f"pipeline's last step"
        )


def _answers_classes(recipe: Recipe, name: str) -> bool:
    return name == PREDICT and bool(target_classes(recipe))


def _classes_of_list(recipe: Recipe, shape: list[int]) -> list[list[Any]] | None:
    """The classes of each target of predict; None of one target, and of numbers."""
    classes = target_classes(recipe)
    if not classes or not shape:
        return None

    if len(classes) == shape[0]:
        return classes

    return [LABEL_CLASSES] * shape[0]


def _probabilities(recipe: Recipe, rows: list[int], answers: list[Any]) -> Output:
    classes = target_classes(recipe)
    if len(classes) > 1:
        return _probabilities_of_targets(recipe, classes, rows, answers)

    only = classes[0] if classes else []
    for row, answer in zip(rows, answers, strict=True):
        _require_probabilities(row, answer, only)

    return Output(name=PROBABILITIES, shape=[len(only)])


def _probabilities_of_targets(
    recipe: Recipe, classes: list[list[Any]], rows: list[int], answers: list[Any]
) -> Output:
    for row, answer in zip(rows, answers, strict=True):
        if not isinstance(answer, list) or len(answer) != len(classes):
            raise DeliveryError(
                f"predict_proba gives {str(answer)[:80]} in held-out row {row}, and "
                f"{len(classes)} targets need {len(classes)} lists of probabilities"
            )

        for of_target, known in zip(answer, classes, strict=True):
            _require_probabilities(row, of_target, known)

    widths = set(map(len, classes))
    width = widths.pop() if len(widths) == 1 else -1
    shape = [len(classes), width]
    names = _names(recipe, PROBABILITIES, shape)
    return Output(name=PROBABILITIES, shape=shape, names=names, classes=classes)


def _require_probabilities(row: int, prediction: Any, classes: list[Any]) -> None:
    if not _is_list_of_floats(prediction) or len(prediction) != len(classes):
        raise DeliveryError(
            f"predict_proba gives {str(prediction)[:80]} in held-out row {row}, and "
            f"{len(classes)} classes need {len(classes)} probabilities: serve output='predict'"
        )

    if abs(sum(prediction) - 1) > SUM_TOLERANCE:
        raise DeliveryError(
            f"the probabilities of held-out row {row} add up to {sum(prediction):.3g}, as they do "
            f"where a row may have several labels, and each probability would need classes of its "
            f"own: serve output='predict', or fit one pipeline a label"
        )


def _is_list_of_floats(prediction: Any) -> bool:
    return isinstance(prediction, list) and all(isinstance(value, float) for value in prediction)


def _names(recipe: Recipe, output: str, shape: list[int]) -> list[str]:
    """The names of the positions of a list; none where there are none, or no list."""
    if not shape:
        return []

    if output == TRANSFORM:
        return _column_names(recipe.pipeline, shape[0])

    if output in (PREDICT, PROBABILITIES):
        return _target_names(recipe, shape[0])

    return []


def _target_names(recipe: Recipe, count: int) -> list[str]:
    """Those of the recipe, else the columns of its labels; raises DeliveryError."""
    if recipe.targets is None:
        return _fitting(list(getattr(recipe.labels, "columns", [])), count)

    names = list(recipe.targets)
    if len(names) != count or len(set(names)) != count:
        raise DeliveryError(
            f"targets names {', '.join(map(repr, names))}, and predict gives {count} values a "
            f"row: give each a name of its own"
        )

    if not all(isinstance(name, str) and is_whole_text(name) for name in names):
        raise DeliveryError(f"targets holds {names!r}: names are texts that JSON can hold")

    return names


def _column_names(pipeline: Any, count: int) -> list[str]:
    try:
        return _fitting(list(pipeline.get_feature_names_out()), count)
    except Exception:  # noqa: BLE001 (of steps without names it raises anything)
        return []


def _fitting(names: Sequence[Any], count: int) -> list[str]:
    texts = list(map(str, names))
    if len(texts) == count and all(map(is_whole_text, texts)):
        return texts

    return []
