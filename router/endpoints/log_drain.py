"""POST /drains/VERSION: counts the error codes in the log of a version's app.

The platform's log drain sends it, with the secret of that version (rollout/log_drain.py). Only the
number of each code is kept of a log."""

import asyncio
import time
from base64 import b64encode
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from hmac import compare_digest
from pathlib import Path

from rollout.log_drain import PATH, USER, drain_secret
from rollout.settings import is_name
from router.dispatch.dispatcher import Dispatcher
from router.endpoints.logplex import Garbled, codes
from router.evidence.seen_batches import SeenBatches
from router.problems import (
    Headers,
    Problem,
    Receive,
    Scope,
    Send,
    answer,
    answer_options,
    not_allowed,
    read_body,
)

CONTENT_TYPE = b"application/logplex-1"
LONGEST_COUNT = 16
LARGEST = 4 * 1024 * 1024


class LogDrainEndpoint:
    """The endpoint. Belongs to one worker."""

    def __init__(
        self, traffic: Dispatcher, key: bytes, state: Path, leaving: Callable[[], bool]
    ) -> None:
        self.traffic, self.key, self.leaving = traffic, key, leaving
        self.frames = SeenBatches(state / "run" / "drained")
        self.threads = ThreadPoolExecutor(1, thread_name_prefix="drain")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer 204 once the batch is counted, or if it was before."""
        if scope["method"] == "OPTIONS":
            await answer_options(send, "POST")
            return

        headers_by_name = dict(scope["headers"])
        try:
            version = self._authorised_version(scope, headers_by_name)
            body = await read_body(receive, LARGEST, time.monotonic)
            counts = _read(body, headers_by_name)
        except Problem as problem:
            headers = problem.headers()
            if problem.status == 401:
                headers.append((b"www-authenticate", b"Basic"))

            await answer(send, problem.status, headers, problem.body())
            return

        frame = headers_by_name.get(b"logplex-frame-id", b"")
        if counts and await self._is_new(version, frame):
            self._count(version, counts)

        close: Headers = []
        if self.leaving():
            close.append((b"connection", b"close"))

        await send({"type": "http.response.start", "status": 204, "headers": close})
        await send({"type": "http.response.body", "body": b""})

    def _authorised_version(self, scope: Scope, headers: dict[bytes, bytes]) -> str:
        """The version whose log this is; raises Problem 405, 404, 401, 415."""
        if scope["method"] != "POST":
            raise not_allowed("a log is sent with POST", "POST")

        version = str(scope["path"]).removeprefix(PATH)
        scheme, _, credentials = headers.get(b"authorization", b"").partition(b" ")
        if not is_name(version):
            raise Problem(
                404, "the version is missing or malformed: send its log to /drains/VERSION"
            )

        expected = b64encode(f"{USER}:{drain_secret(version, self.key)}".encode())
        if not (compare_digest(credentials.strip(), expected) and scheme.lower() == b"basic"):
            raise Problem(
                401,
                "the secret of this version's log drain is missing or wrong: `python deploy.py up` "
                "sets it again",
            )

        if headers.get(b"content-type", b"").partition(b";")[0].strip() != CONTENT_TYPE:
            raise Problem(415, f"a log is sent as {CONTENT_TYPE.decode()}")

        return version

    async def _is_new(self, version: str, frame: bytes) -> bool:
        if not frame:
            return True

        name = f"{version} {frame.decode('latin-1')}"
        return await asyncio.get_running_loop().run_in_executor(
            self.threads, self.frames.first, name
        )

    def _count(self, version: str, counts: dict[str, int]) -> None:
        """Count codes in the metrics, and for the verdict if the version is in a rollout."""
        table = self.traffic.table
        if version not in table.addresses:
            return

        rolling = table.rolling
        tally = None
        if rolling is not None and version in (rolling.candidate, rolling.stable):
            tally = self.traffic.tallies.of(table, version)

        for code, count in counts.items():
            self.traffic.counts.add(("complaints", version, code), count)
            if tally is not None:
                tally.complained(code, count)


def _read(body: bytes, headers: dict[bytes, bytes]) -> dict[str, int]:
    """The codes of a batch; raises Problem 400."""
    count = headers.get(b"logplex-msg-count", b"")
    if len(count) > LONGEST_COUNT:
        raise Problem(400, "Logplex-Msg-Count is no number of lines")

    try:
        return codes(body, int(count) if count.isdigit() else None)
    except Garbled as error:
        raise Problem(400, f"the body is no batch of log lines: {error}") from error
