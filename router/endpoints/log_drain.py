"""POST /drains/VERSION: the log of a version's app, as Heroku's log drains send it. Its complaints
are counted.

Whoever sends has the secret of that version's drain (rollout/log_drain.py). Nothing of a log is
kept but how often each of the platform's codes was in it."""

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
        """Answer 204 once the batch is counted, or was before."""
        if scope["method"] == "OPTIONS":
            await answer_options(send, "POST")
            return

        given = dict(scope["headers"])
        if scope["method"] == "OPTIONS":
            await answer_options(send, "POST")
            return

        try:
            version = self._admitted(scope, given)
            found = _read(await read_body(receive, LARGEST, time.monotonic), given)
        except Problem as problem:
            headers = problem.headers()
            if problem.status == 401:
                headers.append((b"www-authenticate", b"Basic"))
            await answer(send, problem.status, headers, problem.body())
            return

        if found and await self._fresh(version, given.get(b"logplex-frame-id", b"")):
            self._count(version, found)

        close: Headers = [(b"connection", b"close")] if self.leaving() else []
        await send({"type": "http.response.start", "status": 204, "headers": close})
        await send({"type": "http.response.body", "body": b""})

    def _admitted(self, scope: Scope, given: dict[bytes, bytes]) -> str:
        """The version whose log this is; raises Problem 405, 404, 401, 415."""
        if scope["method"] != "POST":
            raise not_allowed("a log is sent with POST", "POST")

        version = str(scope["path"]).removeprefix(PATH)
        scheme, _, credentials = given.get(b"authorization", b"").partition(b" ")
        if not is_name(version):
            raise Problem(404, "the log of which version this is stands after /drains/")

        wanted = b64encode(f"{USER}:{drain_secret(version, self.key)}".encode())
        if not (compare_digest(credentials.strip(), wanted) and scheme.lower() == b"basic"):
            raise Problem(
                401,
                "this is not the secret of that version's log drain: `python deploy.py up` sets "
                "it anew",
            )

        if given.get(b"content-type", b"").partition(b";")[0].strip() != CONTENT_TYPE:
            raise Problem(415, f"a log is sent as {CONTENT_TYPE.decode()}")

        return version

    async def _fresh(self, version: str, frame: bytes) -> bool:
        if not frame:
            return True

        name = f"{version} {frame.decode('latin-1')}"
        return await asyncio.get_running_loop().run_in_executor(
            self.threads, self.frames.first, name
        )

    def _count(self, version: str, found: dict[str, int]) -> None:
        """In the metrics, and for the verdict's conductor where the version has a part in a
        rollout.
        """
        table = self.traffic.table
        if version not in table.addresses:
            return

        rolling = table.rolling
        tally = None
        if rolling is not None and version in (rolling.candidate, rolling.stable):
            tally = self.traffic.tallies.of(table, version)

        for code, count in found.items():
            self.traffic.counts.add(("complaints", version, code), count)
            if tally is not None:
                tally.complained(code, count)


def _read(body: bytes, given: dict[bytes, bytes]) -> dict[str, int]:
    """The codes of a batch; raises Problem 400."""
    told = given.get(b"logplex-msg-count", b"")
    try:
        return codes(body, int(told) if told.isdigit() else None)
    except Garbled as error:
        raise Problem(400, f"the body is no batch of log lines: {error}") from error
