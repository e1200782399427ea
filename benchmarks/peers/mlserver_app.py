"""MLServer: a runtime of one's own for the ONNX form, as it ships none; scikit-learn has
mlserver-sklearn.
"""

from pathlib import Path

from mlserver import MLModel
from mlserver.codecs import NumpyCodec
from mlserver.types import InferenceRequest, InferenceResponse

from benchmarks.peers.models import onnx


class OnnxModel(MLModel):
    """The ONNX form at the model's uri; MLServer's adaptive batching hands it many requests as
    one.
    """

    async def load(self) -> bool:
        """Load it."""
        _, self._run = onnx(Path(self.settings.parameters.uri))
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        """Probabilities, a row each."""
        answer = self._run({column.name: column.data.root for column in payload.inputs})
        return InferenceResponse(
            model_name=self.name, outputs=[NumpyCodec.encode_output("predict_proba", answer)]
        )
