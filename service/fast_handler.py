"""Answers POST /predict on wire/'s fast path: without Flask, and without a thread where quick."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from hmac import compare_digest

from service.answers import PredictResponses
from service.metrics import Metrics
from wire.fast_path import Headers, Respond
from wire.observability.traces import Traces

# Above this a batch is predicted in a thread, so that health and metrics are answered meanwhile.
QUICK_S = 0.003
MEMORY = 0.2


class FastHandler:
    """Answers the router's batches. Belongs to one event loop.

    A slow model predicts in a thread.
    """

    def __init__(
        self, answers: PredictResponses, metrics: Metrics, secret: str, threads: int
    ) -> None:
        self.answers, self.metrics = answers, metrics
        self._expected = f"Bearer {secret}".encode()
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="predict")
        self._average_s = 0.0
        self._traces: Traces | None = None

    def start(self, traces: Traces | None) -> None:
        """Begin to make spans, after the fork."""
        self._traces = traces

    def answer(self, headers: Headers, body: bytes, respond: Respond) -> None:
        """Answer one request of wire/fast_path.py."""
        if self._traces is not None:
            respond = self._with_span(self._traces, headers, respond)

        authorization, batched = b"", False
        for name, value in headers:
            if name == b"authorization":
                authorization = value
            elif name == b"x-sluice-batch":
                batched = True

        if not compare_digest(authorization, self._expected):
            self._respond(respond, *self.answers.unauthorised())
        elif self._average_s < QUICK_S:
            self._respond(respond, *self._predict(body, batched))
        else:
            self._predict_in_thread(body, batched, respond)

    def _with_span(self, traces: Traces, headers: Headers, respond: Respond) -> Respond:
        """`respond`, which ends the span of a batch that has one: as its caller says."""
        span = traces.begin("predict", headers)
        if span is None:
            return respond
        return traces.answering(span, respond)

    async def close(self) -> None:
        """Stop the threads; no further batch is predicted."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        if self._traces is not None:
            await self._traces.close()

    def _predict(self, body: bytes, batched: bool) -> tuple[int, Headers, bytes]:
        status, headers, answer, seconds = self.answers.predict(body, batched)
        self._average_s += MEMORY * (seconds - self._average_s)
        return status, headers, answer

    def _predict_in_thread(self, body: bytes, batched: bool, respond: Respond) -> None:
        loop = asyncio.get_running_loop()

        def work() -> None:
            answered = self._predict(body, batched)
            loop.call_soon_threadsafe(self._respond, respond, *answered)

        self._threads.submit(work)

    def _respond(self, respond: Respond, status: int, headers: Headers, body: bytes) -> None:
        self.metrics.answered(status)
        respond(status, headers, body)
