"""The inverse of the normal distribution function, which ONNX lacks: Wichura's AS 241, PPND16.

Its relative error is about 1e-16.
"""

import numpy as np

from delivery.onnx.graph import Graph

_CENTRE = (
    (3.3871328727963666080e0, 1.3314166789178437745e2, 1.9715909503065514427e3,
     1.3731693765509461125e4, 4.5921953931549871457e4, 6.7265770927008700853e4,
     3.3430575583588128105e4, 2.5090809287301226727e3),
    (1.0, 4.2313330701600911252e1, 6.8718700749205790830e2, 5.3941960214247511077e3,
     2.1213794301586595867e4, 3.9307895800092710610e4, 2.8729085735721942674e4,
     5.2264952788528545610e3),
)  # fmt: skip
_TAIL = (
    (1.42343711074968357734e0, 4.63033784615654529590e0, 5.76949722146069140550e0,
     3.64784832476320460504e0, 1.27045825245236838258e0, 2.41780725177450611770e-1,
     2.27238449892691845833e-2, 7.74545014278341407640e-4),
    (1.0, 2.05319162663775882187e0, 1.67638483018380384940e0, 6.89767334985100004550e-1,
     1.48103976427480074590e-1, 1.51986665636164571966e-2, 5.47593808499534494600e-4,
     1.05075007164441684324e-9),
)  # fmt: skip
_FAR_TAIL = (
    (6.65790464350110377720e0, 5.46378491116411436990e0, 1.78482653991729133580e0,
     2.96560571828504891230e-1, 2.65321895265761230930e-2, 1.24266094738807843860e-3,
     2.71155556874348757815e-5, 2.01033439929228813265e-7),
    (1.0, 5.99832206555887937690e-1, 1.36929880922735805310e-1, 1.48753612908506148525e-2,
     7.86869131145613259100e-4, 1.84631831751005468180e-5, 1.42151175831644588870e-7,
     2.04426310338993978564e-15),
)  # fmt: skip
_WIDTH, _SPLIT, _CENTRE_OFFSET = 0.425, 5.0, 0.180625


def normal_quantile(graph: Graph, share: str) -> str:
    """Of shares from 0 to 1, infinite at both ends."""
    distance = graph.add("Sub", share, graph.constant(0.5))
    squared = graph.add("Mul", distance, distance)
    within = graph.add("Sub", graph.constant(_CENTRE_OFFSET), squared)
    centre = graph.add("Mul", distance, _ratio(graph, within, _CENTRE))

    rest = graph.add("Min", share, graph.add("Sub", graph.constant(1.0), share))
    root = graph.add("Sqrt", graph.add("Neg", graph.add("Log", rest)))
    near = _ratio(graph, graph.add("Sub", root, graph.constant(1.6)), _TAIL)
    far = _ratio(graph, graph.add("Sub", root, graph.constant(_SPLIT)), _FAR_TAIL)
    is_near = graph.add("LessOrEqual", root, graph.constant(_SPLIT))
    size = graph.add("Where", is_near, near, far)
    size = graph.add("Where", graph.add("IsInf", root), graph.constant(np.inf), size)
    tail = graph.add("Mul", graph.add("Sign", distance), size)

    is_central = graph.add("LessOrEqual", graph.add("Abs", distance), graph.constant(_WIDTH))
    return graph.add("Where", is_central, centre, tail)


def _ratio(
    graph: Graph, value: str, coefficients: tuple[tuple[float, ...], tuple[float, ...]]
) -> str:
    numerator, denominator = coefficients
    return graph.add(
        "Div", _polynomial(graph, value, numerator), _polynomial(graph, value, denominator)
    )


def _polynomial(graph: Graph, value: str, coefficients: tuple[float, ...]) -> str:
    total = graph.constant(coefficients[-1])
    for coefficient in reversed(coefficients[:-1]):
        product = graph.add("Mul", total, value)
        total = graph.add("Add", product, graph.constant(coefficient))

    return total
