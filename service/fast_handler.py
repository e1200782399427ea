"""POST /predict by wire/'s short way: the router's batches, without Flask and without a thread
where they are quick.
"""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from hmac import compare_digest

from service.answers import PredictResponses
from service.metrics import Metrics
from wire.fast_path import Headers, Respond

# Above this a batch is predicted in a thread, so that health and metrics are answered meanwhile.
QUICK_S = 0.003
MEMORY = 0.2


class FastHandler:
    """Answers batches. Belongs to one event loop; a thread is used for a model whose batches take
    long.
    """

    def __init__(
        self, answers: PredictResponses, metrics: Metrics, secret: str, threads: int
    ) -> None:
        self.answers, self.metrics = answers, metrics
        self._expected = f"Bearer {secret}".encode()
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="predict")
        self._usual_s = 0.0

    def answer(self, headers: Headers, body: bytes, respond: Respond) -> None:
        """One request, as wire/fast_path.py hands it over."""
        authorization, batched = b"", False
        for name, value in headers:
            if name == b"authorization":
                authorization = value
            elif name == b"x-sluice-batch":
                batched = True

        if not compare_digest(authorization, self._expected):
            self._tell(respond, *self.answers.stranger())
        elif self._usual_s < QUICK_S:
            self._tell(respond, *self._predict(body, batched))
        else:
            self._in_a_thread(body, batched, respond)

    def close(self) -> None:
        """No further batches."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _predict(self, body: bytes, batched: bool) -> tuple[int, Headers, bytes]:
        status, headers, answer, seconds = self.answers.predict(body, batched)
        self._usual_s += MEMORY * (seconds - self._usual_s)
        return status, headers, answer

    def _in_a_thread(self, body: bytes, batched: bool, respond: Respond) -> None:
        loop = asyncio.get_running_loop()

        def work() -> None:
            answered = self._predict(body, batched)
            loop.call_soon_threadsafe(self._tell, respond, *answered)

        self._threads.submit(work)

    def _tell(self, respond: Respond, status: int, headers: Headers, body: bytes) -> None:
        self.metrics.answered(status)
        respond(status, headers, body)
