"""Measures a pipeline: held-out metrics, and the latency of one row and of 64."""

import datetime
import time
from typing import Any

import numpy as np

from delivery.errors import DeliveryError, first_line
from delivery.json_texts import is_whole_text
from delivery.recipe import Recipe, classes_of
from service.rows import Columns, row_count, take_rows
from service.runtimes.model import Model
from service.runtimes.outputs import (
    DECISION,
    PREDICT,
    PROBABILITIES,
    SCORES,
    TRANSFORM,
    by_output,
    decided_at,
)

REPEATS = 30
LONGEST_S = 1.0
MEASURED = (PROBABILITIES, PREDICT, DECISION)
# Of outputs whose numbers no label is the truth of.
TASKS = {TRANSFORM: "transformation", SCORES: "scoring"}


def task_of(recipe: Recipe) -> tuple[str, list[Any] | None]:
    """The task of the first output, and the classes of the pipeline's first target.

    It is transformation or scoring, else by the classes, which are plain values, classification, or
    without any (None) regression. Raises DeliveryError for classes that JSON cannot hold.
    """
    classes = target_classes(recipe)
    first = classes[0] if classes else None
    of_output = TASKS.get(recipe.outputs[0])
    if of_output is not None:
        return of_output, first

    if first is None:
        return "regression", None

    return "classification", first


def target_classes(recipe: Recipe) -> list[list[Any]]:
    """The classes of each target as plain values; empty where the pipeline predicts no classes.

    Raises DeliveryError for classes that JSON cannot hold.
    """
    classes = classes_of(recipe.pipeline)
    if classes is None:
        classes = _classes_of_unlabelled(recipe.pipeline)

    if classes is None:
        return []

    if not any(getattr(value, "ndim", 0) for value in classes):
        classes = [classes]

    return [list(map(_plain_class, of_target)) for of_target in classes]


def _plain_class(value: Any) -> Any:
    """A class as JSON can hold it; raises DeliveryError."""
    import pandas as pd

    if isinstance(value, np.datetime64 | np.timedelta64 | datetime.date | pd.Timedelta):
        raise DeliveryError(
            f"the classes are dates or times ({type(value).__name__}), of which JSON has no form: "
            f"fit the pipeline on their texts, labels.astype(str)"
        )

    if isinstance(value, str) and not is_whole_text(value):
        raise DeliveryError(
            f"class {str(value)!r} has half a character in its text, which JSON cannot hold: read "
            f"the labels with their own encoding, such as latin-1, before fit"
        )

    if hasattr(value, "item"):
        return value.item()

    return value


def _classes_of_unlabelled(pipeline: Any) -> Any:
    """The classes of a pipeline that was fitted without labels, None for a regression.

    Of an outlier detector -1 and 1, of clusters their numbers.
    """
    from sklearn.base import is_clusterer, is_outlier_detector

    try:
        if is_outlier_detector(pipeline):
            return [-1, 1]
        clusters = is_clusterer(pipeline) or hasattr(pipeline, "predict_proba")
    except Exception:  # noqa: BLE001 (what is no estimator of scikit-learn's may answer anything)
        return None

    if not clusters:
        return None

    steps = getattr(pipeline, "steps", None)
    last = pipeline[-1] if isinstance(steps, list) else pipeline
    return _clusters(last)


def _clusters(estimator: Any) -> Any:
    labels = getattr(estimator, "labels_", None)
    if labels is not None:
        # -1 is noise, which no prediction names.
        numbers = np.asarray(labels)
        return np.unique(numbers[numbers >= 0])

    count = getattr(estimator, "n_clusters", None) or getattr(estimator, "n_components", None)
    if isinstance(count, int):
        return list(range(count))

    return None


def held_out_metrics(predictions: list[Any], recipe: Recipe) -> dict[str, float]:
    """The finite metrics of the rows that were predicted, none without labels.

    Of a classification AUC, log loss, Brier score and accuracy; of a regression its errors and r2;
    of several targets the means of these. They are of probabilities where the version answers them,
    else of predict or decision_function. Raises DeliveryError where the labels are of another kind
    than the predictions.
    """
    measured = next((name for name in MEASURED if name in recipe.outputs), None)
    if recipe.labels is None or measured is None:
        return {}

    rows, predicted = [], []
    classes = target_classes(recipe)
    answers = by_output(recipe.outputs, predictions)[measured]
    if measured == DECISION and not _decides(answers, classes):
        return {}

    for row, prediction in enumerate(answers):
        if prediction is not None:
            rows.append(row)
            predicted.append(prediction)

    labels = np.asarray(recipe.labels)[rows]
    try:
        metrics = _metrics(labels, predicted, classes, measured)
    except (ValueError, TypeError) as error:
        raise DeliveryError(
            f"the held-out labels do not fit the predictions: {first_line(error)}"
        ) from error

    rounded = {}
    for name, value in metrics.items():
        if np.isfinite(value):
            rounded[name] = round(float(value), 6)

    return rounded


def _decides(scores: list[Any], classes: list[list[Any]]) -> bool:
    """Whether the scores of decision_function say which class it is: one for each, or the second's.

    Of several targets, and of pairs of classes, they do not.
    """
    if len(classes) != 1:
        return False

    first = next((score for score in scores if score is not None), None)
    if isinstance(first, list):
        return len(first) == len(classes[0])

    return len(classes[0]) == 2


def _metrics(
    labels: np.ndarray, predicted: list[Any], classes: list[list[Any]], output: str
) -> dict[str, float]:
    """The metrics of one output, of several targets the mean over the targets."""
    targets = 1 if labels.ndim == 1 else labels.shape[1]
    if targets == 1:
        return _of_target(labels.ravel(), predicted, classes[0] if classes else None, output)

    of_targets = []
    for target in range(targets):
        of_target = [prediction[target] for prediction in predicted]
        known = classes[target] if len(classes) == targets else [0, 1] if classes else None
        # Targets of several kinds make one array of objects, whose kind metrics do not know.
        truth = np.array(labels[:, target].tolist())
        of_targets.append(_of_target(truth, of_target, known, output))

    # Of different numbers of classes, targets have different metrics.
    common = set.intersection(*map(set, of_targets))
    return {
        name: float(np.mean([metrics[name] for metrics in of_targets]))
        for name in of_targets[0]
        if name in common
    }


def _of_target(
    labels: np.ndarray, predicted: list[Any], classes: list[Any] | None, output: str
) -> dict[str, float]:
    if classes is None:
        return _regression(labels, predicted)

    return _classification(labels, predicted, classes, output)


def latency_ms(model: Model, columns: Columns) -> dict[str, float]:
    """Median milliseconds of 1 and of 64 rows through the model, without HTTP."""
    latency = {}
    for count in (1, 64):
        batch = take_rows(columns, np.arange(count) % row_count(columns))
        latency[f"rows_{count}_ms"] = round(_median_ms(model, batch), 4)

    return latency


def _regression(labels: np.ndarray, predictions: list[Any]) -> dict[str, float]:
    from sklearn import metrics

    values = {
        "mean_absolute_error": metrics.mean_absolute_error(labels, predictions),
        "root_mean_squared_error": float(np.sqrt(metrics.mean_squared_error(labels, predictions))),
    }
    if len(labels) > 1:
        values["r2"] = metrics.r2_score(labels, predictions)

    return values


def _classification(
    labels: np.ndarray, predictions: list[Any], classes: list[Any], output: str
) -> dict[str, float]:
    from sklearn import metrics

    if output == DECISION:
        predictions = [classes[decided_at(prediction)] for prediction in predictions]

    if output != PROBABILITIES:
        return {"accuracy": metrics.accuracy_score(labels, predictions)}

    probabilities = _normalised(np.asarray(predictions, dtype=np.float64))
    most_probable = np.asarray(classes)[probabilities.argmax(axis=1)]
    values = {"accuracy": metrics.accuracy_score(labels, most_probable)}

    if len(classes) > 1:
        values["log_loss"] = metrics.log_loss(labels, probabilities, labels=classes)

    if len(classes) == 2 and len(set(labels.tolist())) == 2:
        positive = labels == classes[1]
        values["auc"] = metrics.roc_auc_score(positive, probabilities[:, 1])
        values["brier"] = metrics.brier_score_loss(positive, probabilities[:, 1])

    return values


def _normalised(probabilities: np.ndarray) -> np.ndarray:
    """Within 0 to 1 and with sums of 1, as metrics need them; 32 bits may miss that a little."""
    clipped: np.ndarray = np.clip(probabilities, 0, 1)
    clipped /= clipped.sum(axis=1, keepdims=True)
    return clipped


def _median_ms(model: Model, columns: Columns) -> float:
    """The median of REPEATS calls, or of fewer where they take longer than LONGEST_S in all.

    A first call is not counted.
    """
    started = time.perf_counter()
    model.predict(columns)
    seconds: list[float] = []
    while not seconds or (len(seconds) < REPEATS and time.perf_counter() - started < LONGEST_S):
        call_started = time.perf_counter()
        model.predict(columns)
        seconds.append(time.perf_counter() - call_started)

    return float(np.median(seconds)) * 1000
