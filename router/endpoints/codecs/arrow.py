"""POST /predict with an Arrow stream: its columns are the rows' columns, by name."""

import asyncio
from collections.abc import Sequence

from rollout.settings import Limits
from router.endpoints.codecs.codec import NamedRows, PredictionCall
from router.endpoints.codecs.predict_json import PredictJson
from router.requests.arrow_process import ArrowProcess
from router.requests.request_headers import RequestContext
from wire.oip.signature import TensorSignature

CONTENT_TYPE = b"application/vnd.apache.arrow.stream"


class PredictArrow(PredictJson):
    """The codec of /predict for Arrow, whose answers are JSON. A process of its own reads it."""

    copies = True
    inline_bytes = -1

    def __init__(self, model: str, limits: Limits) -> None:
        super().__init__(model, limits)
        self._process = ArrowProcess(limits)

    async def read_apart(
        self,
        context: RequestContext,
        body: bytes,
        known: Sequence[TensorSignature],  # noqa: ARG002
    ) -> PredictionCall:
        """See Codec."""
        within_s = min(self.limits.deadline_ms / 1000, context.timeout_s or 1e9)
        return NamedRows(await self._process.rows(body, within_s, asyncio.get_running_loop()))

    def close(self) -> None:
        """End the process."""
        self._process.close()
