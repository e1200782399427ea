"""Fills in what is missing by what was learned for its column."""

from typing import Any

import numpy as np

from service.runtimes.direct.arrays import floats, is_none
from service.runtimes.direct.errors import LeftToPipeline, NoDirectForm
from service.runtimes.direct.step import Transform


def simple_imputer(step: Any) -> Transform:
    """Of numbers whose null is NaN, and of texts whose null is NaN or None."""
    if step.add_indicator:
        raise NoDirectForm("a column beside each that tells what was missing")

    fills = np.asarray(step.statistics_).astype(step._fill_dtype)
    if fills.dtype == object:
        return _texts(step, fills)

    if not _is_nan(step.missing_values) or not np.isfinite(fills).all():
        raise NoDirectForm("a missing value other than NaN, or a column without values")

    if step._fit_dtype not in (np.float64, np.float32):
        raise NoDirectForm(f"it was fitted on {step._fit_dtype}")

    return _numbers(step.n_features_in_, fills, step._fit_dtype)


def _numbers(width: int, fills: np.ndarray, dtype: Any) -> Transform:
    def transform(block: np.ndarray) -> np.ndarray:
        numbers = floats(block, width)
        if numbers.dtype != dtype:
            raise LeftToPipeline(f"an array of {numbers.dtype}, and it was fitted on {dtype}")

        missing = np.isnan(numbers)
        if missing.any():
            return np.where(missing, fills.astype(dtype, copy=False), numbers)

        return numbers

    return transform


def _texts(step: Any, fills: np.ndarray) -> Transform:
    """NaN is what does not equal itself; None is only missing where the step says so."""
    width, null_is_nan = step.n_features_in_, _is_nan(step.missing_values)
    if not null_is_nan and step.missing_values is not None:
        raise NoDirectForm("a missing value other than NaN and None")

    if not all(isinstance(fill, str) for fill in fills):
        raise NoDirectForm("a column of texts without values")

    def transform(block: np.ndarray) -> np.ndarray:
        if block.dtype != object or block.shape[1:] != (width,):
            raise LeftToPipeline(f"an array of {block.dtype}, shape {block.shape}")

        missing = block != block if null_is_nan else is_none(block)
        if missing.any():
            return np.where(missing, fills, block)

        return block

    return transform


def _is_nan(value: Any) -> bool:
    return isinstance(value, float) and value != value
