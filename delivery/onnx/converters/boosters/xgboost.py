"""XGBoost: rows, thresholds, leaves and their sum in 32 bits; NaN goes where the split says."""

import json
from typing import Any

import numpy as np
from onnx import TensorProto

from delivery.onnx.converters import scores
from delivery.onnx.converters.scores import ClassScores
from delivery.onnx.converters.trees import inputs
from delivery.onnx.converters.trees.ensemble import sums
from delivery.onnx.converters.trees.tree_arrays import LESS, Trees, constant_tree, joined, one_tree
from delivery.onnx.graph import Graph, NotConvertible

SAME = (
    "reg:squarederror",
    "reg:absoluteerror",
    "reg:pseudohubererror",
    "reg:squaredlogerror",
    "reg:quantileerror",
)
LOGISTIC = ("binary:logistic", "reg:logistic")
LOGARITHMIC = ("count:poisson", "reg:gamma", "reg:tweedie")
MULTICLASS = ("multi:softprob", "multi:softmax")


def convert(scope: Any, operator: Any, container: Any) -> None:
    """Classes and probabilities, or values."""
    graph = Graph(scope, operator, container)
    learner = _learner(graph)
    raw = _raw(graph, learner)
    objective = learner["objective"]["name"]
    if hasattr(graph.model, "classes_"):
        scores.output(graph, _class_scores(graph, objective, raw))
    else:
        graph.output(graph.cast(_values(graph, objective, raw), TensorProto.DOUBLE))


def _learner(graph: Graph) -> Any:
    model = graph.model
    learner = json.loads(model.get_booster().save_raw("json"))["learner"]
    if learner["gradient_booster"]["name"] != "gbtree":
        raise NotConvertible(f"{graph.step} with booster={learner['gradient_booster']['name']!r}")
    if model.missing is not None and model.missing == model.missing:
        raise NotConvertible(f"{graph.step} with missing={model.missing}")

    return learner


def _raw(graph: Graph, learner: Any) -> str:
    """The base score and all leaves, added in 32 bits in XGBoost's order."""
    base = _base_margins(learner)
    saved = learner["gradient_booster"]["model"]
    first, last = graph.model._get_iteration_range(None)
    ends = saved["iteration_indptr"]
    chosen = slice(ends[first], ends[last or -1])
    trees = list(map(_tree, saved["trees"][chosen]))
    targets = np.array(saved["tree_info"][chosen], dtype=np.int64)
    constants = [constant_tree([value]) for value in base.tolist()]
    return sums(
        graph,
        inputs.as_floats(graph),
        joined([*constants, *trees]),
        np.append(np.arange(len(base)), targets),
        np.float32,
    )


def _tree(saved: Any) -> Trees:
    if any(saved["split_type"]):
        raise NotConvertible("XGBoost with categories has no form: encode them in a step before")
    if int(saved["tree_param"]["size_leaf_vector"]) > 1:
        raise NotConvertible("XGBoost with trees of several outputs has no form")

    values = np.array(saved["split_conditions"], dtype=np.float64)
    left = np.array(saved["left_children"], dtype=np.int64)
    tree = one_tree(
        feature=np.array(saved["split_indices"], dtype=np.int64),
        threshold=values,
        left=left,
        right=np.array(saved["right_children"], dtype=np.int64),
        missing_left=np.array(saved["default_left"]) != 0,
        value=values,
    )
    return tree.with_sets(np.full(len(left), LESS, dtype=np.uint8), {})


def _base_margins(learner: Any) -> np.ndarray:
    """What each sum begins with, in 32 bits: the base score before the objective's function."""
    parameters = learner["learner_model_param"]
    count = max(1, int(parameters["num_class"]), int(parameters["num_target"]))
    given = np.array(json.loads(parameters["base_score"]), dtype=np.float32).ravel()
    base = np.broadcast_to(given, (count,)).astype(np.float32)
    objective = learner["objective"]["name"]
    if objective in LOGISTIC:
        base = -np.log(np.float32(1) / base - np.float32(1))
    if objective in LOGARITHMIC:
        base = np.log(base)

    return np.asarray(base)


def _class_scores(graph: Graph, objective: str, raw: str) -> ClassScores:
    if objective in MULTICLASS:
        # Its classes are the first of the largest probabilities, which 32 bits may make equal.
        return scores.of_probabilities(graph, _softmax(graph, raw))
    if objective not in LOGISTIC:
        raise NotConvertible(f"{graph.step} with the objective {objective!r}")

    positive = _expit(graph, raw)
    above = graph.add("Greater", positive, graph.constant(np.array([0.5], dtype=np.float32)))
    one = graph.constant(np.ones(1, dtype=np.float32))
    both = graph.joined([graph.add("Sub", one, positive), positive])
    return ClassScores(scores.index_where(graph, above), graph.cast(both, TensorProto.DOUBLE))


def _values(graph: Graph, objective: str, raw: str) -> str:
    if objective in SAME:
        return raw
    if objective in LOGARITHMIC:
        return _exp(graph, raw)
    if objective in LOGISTIC:
        return _expit(graph, raw)

    raise NotConvertible(f"{graph.step} with the objective {objective!r}")


def _exp(graph: Graph, raw: str) -> str:
    """In 32 bits, rounded once."""
    power = scores.exp(graph, graph.cast(raw, TensorProto.DOUBLE))
    return graph.cast(power, TensorProto.FLOAT)


def _expit(graph: Graph, raw: str) -> str:
    one = graph.constant(np.ones(1, dtype=np.float32))
    below = graph.add("Add", _exp(graph, graph.add("Neg", raw)), one)
    return graph.add("Div", one, below)


def _softmax(graph: Graph, raw: str) -> str:
    """The powers are added up in double, and divided in 32 bits."""
    axis = scores.axes_of(graph, 1)
    most = graph.add("ReduceMax", raw, axis, keepdims=1)
    powers = _exp(graph, graph.add("Sub", raw, most))
    total = graph.add("ReduceSum", graph.cast(powers, TensorProto.DOUBLE), axis, keepdims=1)
    parts = graph.add("Div", powers, graph.cast(total, TensorProto.FLOAT))
    return graph.cast(parts, TensorProto.DOUBLE)
