"""Scalers: scikit-learn's own arithmetic on a copy of the block."""

from typing import Any

import numpy as np

from service.runtimes.direct.arrays import floats
from service.runtimes.direct.step import Transform


def standard_scaler(step: Any) -> Transform:
    """(x - mean) / scale."""
    return _shifted_and_divided(step, step.with_mean and step.mean_, step.with_std and step.scale_)


def robust_scaler(step: Any) -> Transform:
    """(x - center) / scale."""
    center = step.with_centering and step.center_
    return _shifted_and_divided(step, center, step.with_scaling and step.scale_)


def _shifted_and_divided(step: Any, shift: Any, scale: Any) -> Transform:
    """shift, scale: of each column; False where there is none."""
    width = step.n_features_in_

    def transform(block: np.ndarray) -> np.ndarray:
        numbers = floats(block, width)
        if shift is not False:
            numbers = numbers - shift.astype(numbers.dtype, copy=False)
        if scale is not False:
            numbers = numbers / scale.astype(numbers.dtype, copy=False)

        return numbers

    return transform


def min_max_scaler(step: Any) -> Transform:
    """x * scale + min, cut to the range where `clip` says so."""
    width, scale, smallest = step.n_features_in_, step.scale_, step.min_
    low, high = step.feature_range

    def transform(block: np.ndarray) -> np.ndarray:
        numbers = np.array(floats(block, width))
        numbers *= scale
        numbers += smallest
        if step.clip:
            np.clip(numbers, low, high, out=numbers)

        return numbers

    return transform


def max_abs_scaler(step: Any) -> Transform:
    """x / scale."""
    width, scale, clip = step.n_features_in_, step.scale_, getattr(step, "clip", False)

    def transform(block: np.ndarray) -> np.ndarray:
        numbers = np.array(floats(block, width))
        numbers /= scale
        if clip:
            np.clip(numbers, -1.0, 1.0, out=numbers)

        return numbers

    return transform
