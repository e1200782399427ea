"""Loads a bundle's model on one of the runtimes."""

from service.bundle import Bundle, BundleError
from service.runtimes.model import ArrayModel, ArraysRowByRow
from service.runtimes.onnx_model import OnnxModel
from service.runtimes.pipeline_model import PipelineModel


def load_model(bundle: Bundle, runtime: str | None = None) -> ArrayModel:
    """The bundle's model on its certified runtime, or on `runtime`.

    Raises BundleError where that is ONNX and not certified.
    """
    certified = bundle.manifest.runtime.certified
    runtime = runtime or certified
    if runtime == "onnx" and certified != "onnx":
        raise BundleError(
            f"{bundle.path}: ONNX is not certified ({bundle.manifest.runtime.reason})"
        )

    model: ArrayModel = OnnxModel(bundle) if runtime == "onnx" else PipelineModel(bundle)
    if bundle.manifest.one_row_at_a_time:
        return ArraysRowByRow(model)

    return model
