"""Declares the version of ai.onnx.ml that the nodes of a finished form need.

skl2onnx declares at most version 3, and refuses a node of a later one. So such a node is added as
of version 3, and the finished form gets the version that it needs.
"""

from typing import Any

ML, TREE_ENSEMBLE = "ai.onnx.ml", "TreeEnsemble"
LATEST_OF_SKL2ONNX, WITH_TENSOR_TABLES, WITH_TREE_ENSEMBLE = 3, 4, 5


def declare_ml_opset(model: Any) -> None:
    """Raise the version in a finished form that has nodes of a later one."""
    needed = max((_version_of(node) for node in model.graph.node), default=1)
    for opset in model.opset_import:
        if opset.domain == ML:
            opset.version = max(opset.version, needed)


def _version_of(node: Any) -> int:
    if node.op_type == TREE_ENSEMBLE:
        return WITH_TREE_ENSEMBLE
    if node.op_type == "LabelEncoder":
        names = {attribute.name for attribute in node.attribute}
        if "keys_tensor" in names:
            return WITH_TENSOR_TABLES

    return 1
