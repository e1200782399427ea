"""SplineTransformer: the polynomials of the interval that a value lies in."""

from typing import Any

import numpy as np
from onnx import TensorProto
from scipy.interpolate import BSpline, PPoly
from skl2onnx.common.data_types import DoubleTensorType

from delivery.onnx.converters.curves.intervals import entries, interval_numbers
from delivery.onnx.graph import Graph, NotConvertible


def convert(scope: Any, operator: Any, container: Any) -> None:
    """Raises NotConvertible for values beyond the knots that it is to refuse or to repeat."""
    graph = Graph(scope, operator, container)
    model, parts = graph.model, []
    if model.extrapolation not in ("constant", "continue") or model.degree < 1:
        raise NotConvertible(f"SplineTransformer with extrapolation {model.extrapolation!r}")
    if getattr(model, "handle_missing", "error") != "error":
        raise NotConvertible("SplineTransformer with handle_missing")

    for spline, column in zip(model.bsplines_, graph.columns(), strict=True):
        value = graph.as_kind(column, TensorProto.DOUBLE)
        parts.append(_splines(graph, value, spline))

    graph.output(graph.joined(parts))


def shape(operator: Any) -> None:
    """So many splines for each column."""
    operator.outputs[0].type = DoubleTensorType([None, operator.raw_operator.n_features_out_])


def _splines(graph: Graph, value: str, spline: Any) -> str:
    degree = spline.k
    points = spline.t[degree : len(spline.t) - degree]
    if graph.model.extrapolation == "constant":
        low, high = graph.constant(float(points[0])), graph.constant(float(points[-1]))
        value = graph.add("Clip", value, low, high)

    numbers = interval_numbers(graph, value, points)
    coefficients = _coefficients(spline)
    if not graph.model.include_bias:
        coefficients = coefficients[:, :, :-1]

    from_start = graph.add("Sub", value, entries(graph, points[:-1].reshape(-1, 1), numbers))
    total = entries(graph, coefficients[0], numbers)
    for power in coefficients[1:]:
        product = graph.add("Mul", total, from_start)
        total = graph.add("Add", product, entries(graph, power, numbers))

    return total


def _coefficients(spline: Any) -> np.ndarray:
    """Of each power, highest first, each interval and each spline."""
    degree, count = spline.k, spline.c.shape[1]
    powers = []
    for number in range(count):
        single = BSpline(spline.t, spline.c[:, number], degree)
        inner = PPoly.from_spline(single).c[:, degree : len(spline.t) - degree - 1]
        powers.append(inner)

    return np.stack(powers, axis=2)
