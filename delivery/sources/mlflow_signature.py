"""The columns of an MLflow signature, and a frame of their types."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from delivery.errors import DeliveryError, first_line

if TYPE_CHECKING:
    import pandas as pd

# Texts, dates and what else MLflow has stay as the rows have them.
DTYPES = {
    "boolean": "bool",
    "integer": "int32",
    "long": "int64",
    "float": "float32",
    "double": "float64",
}


@dataclass(frozen=True)
class MlflowColumn:
    """A column of the signature. kind: MLflow's word."""

    name: str
    kind: str


def columns_of_signature(inputs: Any, path: Path) -> list[MlflowColumn]:
    """The columns; none where there is no signature, or one of arrays, which names none."""
    if inputs is None:
        return []

    try:
        given = json.loads(inputs) if isinstance(inputs, str) else inputs
        named = [column for column in given if "name" in column]
        return [MlflowColumn(str(column["name"]), str(column["type"])) for column in named]
    except (ValueError, KeyError, TypeError) as error:
        raise DeliveryError(f"{path}: its signature cannot be read: {first_line(error)}") from error


def typed_frame(
    frame: "pd.DataFrame", columns: list[MlflowColumn], pipeline: Any, path: Path
) -> "pd.DataFrame":
    """The frame with the signature's types; raises DeliveryError naming the column at fault."""
    if not columns:
        return frame

    names = [column.name for column in columns]
    _refuse_another_pipeline(names, pipeline, path)
    for name in names:
        if name not in map(str, frame.columns):
            raise DeliveryError(
                f"{path}: its signature has a column {name!r}, which the rows lack (they have "
                f"{', '.join(map(repr, map(str, frame.columns)))})"
            )

    typed = {}
    for name in frame.columns:
        typed[name] = frame[name]

    for column in columns:
        typed[column.name] = _typed(frame[column.name], column, path)

    return frame.assign(**typed)


def _refuse_another_pipeline(names: list[str], pipeline: Any, path: Path) -> None:
    """Raise DeliveryError where the pipeline was fitted on other columns."""
    fitted = getattr(pipeline, "feature_names_in_", None)
    if fitted is None or set(map(str, fitted)) == set(names):
        return

    only_fitted = [name for name in map(str, fitted) if name not in names]
    only_signature = [name for name in names if name not in set(map(str, fitted))]
    raise DeliveryError(
        f"{path}: its signature disagrees with the pipeline: only the pipeline has "
        f"{_listed(only_fitted)}, only the signature {_listed(only_signature)}: save the model "
        f"again with infer_signature of the rows that it was fitted on"
    )


def _listed(names: list[str]) -> str:
    return ", ".join(map(repr, names)) or "none"


def _typed(series: "pd.Series", column: MlflowColumn, path: Path) -> "pd.Series":
    dtype = DTYPES.get(column.kind)
    if dtype is None or series.dtype == dtype:
        return series

    if series.isna().any() and dtype not in ("float32", "float64"):
        # A null among whole numbers or booleans: the frame of training had another dtype too.
        return series

    try:
        converted = series.astype(dtype)
    except (ValueError, TypeError) as error:
        raise _disagreement(column, path, first_line(error)) from error

    # A double has more digits than a float: that is what a signature of floats says.
    if dtype != "float32" and not (converted.isna() | (converted == series)).all():
        raise _disagreement(column, path, f"{dtype} would change its values")

    return converted


def _disagreement(column: MlflowColumn, path: Path, why: str) -> DeliveryError:
    return DeliveryError(
        f"{path}: its signature says {column.kind} of column {column.name!r}, and the rows hold "
        f"something else ({why}): give rows of that type, or save the model with their signature"
    )
