"""Held-out metrics, and the latency of one row and of 64."""

import datetime
import time
from typing import Any

import numpy as np

from delivery.errors import DeliveryError, first_line
from delivery.proof.output_checks import is_whole_text
from delivery.recipe import Recipe
from service.model import Model
from service.rows import Columns

REPEATS = 30
LONGEST_S = 1.0


def task_of(recipe: Recipe) -> tuple[str, list[Any] | None]:
    """classification with its classes as plain values, or regression; raises DeliveryError."""
    classes = getattr(recipe.pipeline, "classes_", None)
    if classes is None:
        classes = _classes_of_unlabelled(recipe.pipeline)

    if classes is None:
        return "regression", None

    if any(getattr(value, "ndim", 0) for value in classes):
        raise DeliveryError(
            "the pipeline has several outputs: a version answers one value or class a row"
        )

    return "classification", [_plain_class(value) for value in classes]


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

    return value.item() if hasattr(value, "item") else value


def _classes_of_unlabelled(pipeline: Any) -> Any:
    """The classes of what was fitted without labels: -1 and 1 of an outlier detector, the numbers
    of clusters.
    """
    from sklearn.base import is_clusterer, is_outlier_detector

    try:
        if is_outlier_detector(pipeline):
            return [-1, 1]
        clusters = is_clusterer(pipeline) or hasattr(pipeline, "predict_proba")
    except Exception:  # noqa: BLE001 (what is no estimator of scikit-learn's may answer anything)
        return None

    last = pipeline[-1] if isinstance(getattr(pipeline, "steps", None), list) else pipeline
    if not clusters:
        return None

    seen = getattr(last, "labels_", None)
    if seen is not None:
        # -1 is noise, which no prediction names.
        return np.unique(np.asarray(seen)[np.asarray(seen) >= 0])

    count = getattr(last, "n_clusters", None) or getattr(last, "n_components", None)
    if isinstance(count, int):
        return list(range(count))
    return None


def held_out_metrics(predictions: list[Any], recipe: Recipe) -> dict[str, float]:
    """Metrics of the rows that were predicted: AUC, log loss, Brier and accuracy, or the errors of
    a regression.

    Raises DeliveryError where the labels are of another kind than the predictions.
    """
    if recipe.labels is None:
        return {}

    kept = [i for i, prediction in enumerate(predictions) if prediction is not None]
    labels = np.asarray(recipe.labels)[kept]
    answers = [predictions[i] for i in kept]
    task, classes = task_of(recipe)
    try:
        found = (
            _regression(labels, answers)
            if task == "regression"
            else _classification(labels, answers, classes, recipe)
        )
    except (ValueError, TypeError) as error:
        raise DeliveryError(
            f"the held-out labels do not fit the predictions: {first_line(error)}"
        ) from error

    return {name: round(float(value), 6) for name, value in found.items() if np.isfinite(value)}


def latency_ms(model: Model, columns: Columns) -> dict[str, float]:
    """Median milliseconds of 1 and of 64 rows through the model (no HTTP)."""
    return {
        f"rows_{count}_ms": round(_median_ms(model, _first(columns, count)), 4) for count in (1, 64)
    }


def _regression(labels: np.ndarray, answers: list[Any]) -> dict[str, float]:
    from sklearn import metrics

    return {
        "mean_absolute_error": metrics.mean_absolute_error(labels, answers),
        "root_mean_squared_error": float(np.sqrt(metrics.mean_squared_error(labels, answers))),
        "r2": metrics.r2_score(labels, answers) if len(labels) > 1 else float("nan"),
    }


def _classification(
    labels: np.ndarray, answers: list[Any], classes: list[Any] | None, recipe: Recipe
) -> dict[str, float]:
    from sklearn import metrics

    if recipe.output == "predict":
        return {"accuracy": metrics.accuracy_score(labels, answers)}

    assert classes is not None
    probabilities = _adding_up_to_one(np.asarray(answers, dtype=np.float64))
    named = np.asarray(classes)[probabilities.argmax(axis=1)]
    found = {"accuracy": metrics.accuracy_score(labels, named)}
    if len(classes) > 1:
        found["log_loss"] = metrics.log_loss(labels, probabilities, labels=classes)
    if len(classes) == 2 and len(set(labels.tolist())) == 2:
        positive = labels == classes[1]
        found["auc"] = metrics.roc_auc_score(positive, probabilities[:, 1])
        found["brier"] = metrics.brier_score_loss(positive, probabilities[:, 1])

    return found


def _adding_up_to_one(probabilities: np.ndarray) -> np.ndarray:
    """As metrics need them: of 32 bits, a sum or a single one is above one by the last digit."""
    clipped: np.ndarray = np.clip(probabilities, 0, 1)
    clipped /= clipped.sum(axis=1, keepdims=True)
    return clipped


def _first(columns: Columns, count: int) -> Columns:
    rows = len(next(iter(columns.values())))
    places = [i % rows for i in range(count)]
    return {name: array[places] for name, array in columns.items()}


def _median_ms(model: Model, columns: Columns) -> float:
    """Of REPEATS calls after a first one that is not counted, fewer where they take longer than
    LONGEST_S in all.
    """
    begun = time.perf_counter()
    model.predict(columns)
    taken: list[float] = []
    while not taken or (len(taken) < REPEATS and time.perf_counter() - begun < LONGEST_S):
        started = time.perf_counter()
        model.predict(columns)
        taken.append(time.perf_counter() - started)

    return float(np.median(taken)) * 1000
