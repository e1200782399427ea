"""Declares the version of ai.onnx.ml that has the operator TreeEnsemble.

skl2onnx declares at most version 3, and refuses a node of a later one. So such a node is added as
of version 3, and the finished form gets the version that it needs.
"""

from typing import Any

ML, TREE_ENSEMBLE = "ai.onnx.ml", "TreeEnsemble"
LATEST_OF_SKL2ONNX, WITH_TREE_ENSEMBLE = 3, 5


def declare_tree_ensembles(model: Any) -> None:
    """Raise the version in a finished form that has such a node; others stay as they are."""
    if not any(node.op_type == TREE_ENSEMBLE for node in model.graph.node):
        return

    for opset in model.opset_import:
        if opset.domain == ML:
            opset.version = max(opset.version, WITH_TREE_ENSEMBLE)
