"""AdditiveChi2Sampler: waves of the logarithm of each column."""

import math
from typing import Any

from delivery.onnx.converters import scores
from delivery.onnx.graph import Graph

# By the number of steps, as the class has them.
INTERVALS = {1: 0.8, 2: 0.5, 3: 0.4}


def convert(scope: Any, operator: Any, container: Any) -> None:
    """A row with a number below 0 fails; of 0 every wave is 0."""
    graph = Graph(scope, operator, container)
    zero = graph.constant(0.0)
    rows = graph.matrix()
    rows = scores.unless(graph, rows, graph.add("Less", rows, zero))
    is_zero = graph.add("Equal", rows, zero)
    positive = graph.add("Where", is_zero, graph.constant(1.0), rows)
    parts = _parts(graph, positive)
    graph.output(graph.joined(graph.add("Where", is_zero, zero, part) for part in parts))


def _parts(graph: Graph, positive: str) -> list[str]:
    """The root, then a cosine and a sine for each further step."""
    model = graph.model
    interval = model.sample_interval
    if interval is None:
        interval = INTERVALS[model.sample_steps]

    times = graph.constant(float(interval))
    parts = [graph.add("Sqrt", graph.add("Mul", positive, times))]
    logarithm = graph.add("Mul", graph.add("Log", positive), times)
    doubled = graph.add("Mul", graph.add("Mul", positive, graph.constant(2.0)), times)
    for step in range(1, model.sample_steps):
        divisor = graph.constant(math.cosh(math.pi * step * interval))
        factor = graph.add("Sqrt", graph.add("Div", doubled, divisor))
        angle = graph.add("Mul", logarithm, graph.constant(float(step)))
        parts += [graph.add("Mul", factor, graph.add(wave, angle)) for wave in ("Cos", "Sin")]

    return parts
