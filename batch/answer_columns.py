"""The Arrow columns that a version's predictions become."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from service.bundle import Manifest
from service.runtimes.json_values import listed


class AnswerColumns:
    """The columns of one version: names and types, the same for every row.

    example: one prediction, by which types are chosen where the manifest does not tell them.
    """

    def __init__(self, manifest: Manifest, example: Any) -> None:
        self.width = len(example) if isinstance(example, list) else 0
        self.schema = pa.schema(_fields(manifest, example))
        self._classes = manifest.classes if manifest.output == "predict" else None

    def of_array(self, answer: np.ndarray) -> list[pa.Array]:
        """One column after another of a model's answer; raises ValueError for what JSON has no
        form of, as the service does.
        """
        if answer.dtype.kind != "f" or self._classes is not None:
            return self.of_values(listed(answer))

        if not np.isfinite(answer).all():
            raise ValueError("the model answered NaN or infinity")

        values = answer.astype(np.float64, copy=False).reshape(len(answer), -1)
        return [pa.array(np.ascontiguousarray(values[:, at])) for at in range(values.shape[1])]

    def of_values(self, predictions: Sequence[Any]) -> list[pa.Array]:
        """The same of a list, in which a row without a prediction is None."""
        if not self.width:
            return [pa.array(predictions, self.schema.field(0).type)]

        missing = [None] * self.width
        rows = [missing if prediction is None else prediction for prediction in predictions]
        by_column: Any = zip(*rows, strict=True) if rows else [[] for _ in range(self.width)]
        return [
            pa.array(values, field.type)
            for values, field in zip(by_column, self.schema, strict=True)
        ]


def _fields(manifest: Manifest, example: Any) -> list[pa.Field]:
    if not isinstance(example, list):
        kinds = manifest.classes or [example]
        return [pa.field("prediction", _type(kinds))]

    if manifest.output == "predict_proba" and manifest.classes:
        return [pa.field(f"probability_{name}", pa.float64()) for name in manifest.classes]

    return [pa.field(f"prediction_{at}", _type([value])) for at, value in enumerate(example)]


def _type(values: Sequence[Any]) -> pa.DataType:
    return pa.array(list(values)).type
