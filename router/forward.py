"""The Open Inference Protocol, passed on to the version that the path names, else to the one drawn."""

import asyncio
import re
import time
from collections.abc import Callable

import msgspec

from rollout.settings import Settings
from router.problems import Headers, Problem, Receive, Scope, Send, answer, read_body
from router.traffic import Draw, Traffic, word_of
from router.upstream import Answer, Failure

PATH = re.compile(r"/v2/models/(?P<model>[\w.-]{1,64})(/versions/(?P<version>[\w.-]{1,64}))?(?P<rest>/ready|/infer)?")


class Forward:
    """The endpoint under /v2/models. Belongs to one worker."""

    def __init__(self, settings: Settings, traffic: Traffic, leaving: Callable[[], bool]) -> None:
        self.settings, self.traffic, self.leaving = settings, traffic, leaving
        self.limits = settings.router.limits
        self.unit_header = settings.router.unit.header.lower().encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer what the version answers; the protocol's errors are `{"error": ...}`."""
        headers: Headers = [(b"content-type", b"application/json")]
        try:
            draw, pinned, rest = self._target(scope)
            version = draw.version
            body = await read_body(receive, self.limits.max_body_bytes, time.monotonic)
            status, payload, answered = await self._ask(scope["method"], draw, pinned, rest, body)
            headers.append((b"x-model-version", answered.encode()))
            if answered != version:
                headers.append((b"x-fallback-from", version.encode()))
        except Problem as problem:
            status, payload = problem.status, _error(problem.detail)
            headers += problem.headers()[1:]
        if self.leaving():
            headers.append((b"connection", b"close"))
        await answer(send, status, headers, payload)

    def _target(self, scope: Scope) -> tuple[Draw, bool, str]:
        match = PATH.fullmatch(scope["path"])
        if match is None or match["model"] != self.settings.model:
            raise Problem(404, f"there is no such model here: the model is {self.settings.model!r}")
        rest = match["rest"] or ""
        if (scope["method"] == "POST") != (rest == "/infer"):
            raise Problem(405, "inference is asked for with POST, everything else with GET")
        named = match["version"] or _header(scope["headers"], b"x-model-version")
        own = _header(scope["headers"], self.unit_header)
        unit = own or f"{id(scope)}{time.monotonic_ns()}"
        return self.traffic.draw(unit.encode("latin-1"), bool(own), named or None), bool(named), rest

    async def _ask(self, method: str, draw: Draw, pinned: bool, rest: str, body: bytes) -> tuple[int, bytes, str]:
        version = draw.version
        started = time.perf_counter()
        outcome = await self._exchange(method, version, rest, body)
        code = outcome.status if isinstance(outcome, Answer) else 503
        if rest == "/infer":
            seconds = time.perf_counter() - started
            self.traffic.counts.request(version, draw.role, code, seconds)
            if draw.tally is not None:
                draw.tally.finish(word_of(code, None), seconds, warm=False)
        other = self.traffic.table.fallback_for(version)
        if code >= 500 and rest == "/infer" and other and not pinned and self.settings.router.fallback:
            self.traffic.counts.add(("fallback", version, "infer"))
            outcome, version = await self._exchange(method, other, rest, body), other
        if isinstance(outcome, Failure):
            raise Problem(503, f"{version}: {outcome.detail}", retry_after_s=1)
        return outcome.status, outcome.body, version

    async def _exchange(self, method: str, version: str, rest: str, body: bytes) -> Answer | Failure:
        path = f"/v2/models/{self.settings.model}/versions/{version}{rest}"
        timeout_s = self.limits.version_timeout_ms / 1000
        lane = self.traffic.lanes.get(version)
        if lane is None:
            return Failure("closed", "it is not deployed")
        outcome: Answer | Failure = await lane.pool.forward(method, path, b"application/json", body, timeout_s)
        if isinstance(outcome, Failure) and outcome.reason == "closed":
            await asyncio.sleep(0)
            outcome = await lane.pool.forward(method, path, b"application/json", body, timeout_s)
        return outcome


def _header(headers: Headers, name: bytes) -> str:
    return next((value.decode("latin-1") for key, value in headers if key == name), "")


def _error(detail: str) -> bytes:
    return msgspec.json.encode({"error": detail})
