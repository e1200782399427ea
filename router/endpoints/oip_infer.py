"""The Open Inference Protocol, passed on to the version that the path names, else to the one drawn.

What does not infer (metadata, readiness, configuration) is asked of the released version and counts
nowhere."""

import asyncio
import json
import math
import os
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import msgspec

from rollout.settings import Settings
from router.access import Access
from router.dispatch.cross_check import ROW_BYTES, FailedRequest
from router.dispatch.dispatcher import STATUS_OF_LOSS, Dispatcher, Draw, word_of
from router.dispatch.lane import Lane
from router.dispatch.upstream import Answer, Failure
from router.endpoints.oip_protocol import MODEL_PATH, error_body
from router.problems import (
    Headers,
    Problem,
    Receive,
    Scope,
    Send,
    answer,
    answer_options,
    not_allowed,
)
from router.requests.body import sent_body
from router.requests.json_errors import json_fault, without_bom
from router.requests.json_scan import too_many
from router.requests.request_headers import RequestContext, read_headers
from router.requests.thread_pools import LARGE_BODY, SCAN_POOL
from router.requests.unit_source import UnitSource

# How often it is looked whether the only version is back, and for how many requests at once.
LOOK_S = 0.2
WHAT_TO_SEND = 'send {"inputs": [{"name", "shape", "datatype", "data"}, ...]}, as the metadata says'
MOST_WAITING = 256
# At which depth a body has its tensors, how many they may be, and how long the shape of one.
TENSORS_DEPTH = 2
MOST_TENSORS = 4_096
LONGEST_SHAPE = 1_024
# Of the values of a tensor, so much is read for the first.
FIRST_VALUE_BYTES = 64 * 1024
# What a version says of a request; any other status says something of the version.
_OF_THE_REQUEST = frozenset({200, 400, 413, 500})
_BLANKS = " \t\n\r"
_one_value = json.JSONDecoder().raw_decode
_unreadable = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


class _Shape(msgspec.Struct):
    shape: msgspec.Raw = msgspec.Raw(b"[]")


class _Inputs(msgspec.Struct):
    """As much of an inference request as tells its rows."""

    inputs: list[_Shape] = []


class _Values(msgspec.Struct):
    name: str = ""
    shape: msgspec.Raw = msgspec.Raw(b"[]")
    data: msgspec.Raw = msgspec.Raw(b"[]")

    @property
    def holds_all_columns(self) -> bool:
        """Whether it is [n, k]: a request's only tensor, its columns those of the metadata."""
        try:
            shape = _lengths(self.shape)
        except (Problem, *_unreadable):
            return False

        return len(shape) == 2 and shape[1] > 1


class _Tensors(msgspec.Struct):
    """As much of an inference request as tells the values of its first row."""

    inputs: list[_Values] = []


class _Column(msgspec.Struct):
    name: str


class _Metadata(msgspec.Struct):
    """As much of a version's metadata as tells its columns, in their order."""

    inputs: list[_Column]


class InferEndpoint:
    """The endpoint under /v2/models. Belongs to one worker."""

    def __init__(
        self, settings: Settings, traffic: Dispatcher, access: Access, leaving: Callable[[], bool]
    ) -> None:
        self.settings, self.traffic, self.access, self.leaving = settings, traffic, access, leaving
        self.limits = settings.router.limits
        self.units = UnitSource(settings.router.unit)
        self._checking: set[asyncio.Task[Any]] = set()
        self._waiting = 0
        self._rows = msgspec.json.Decoder(_Inputs).decode
        # By the digest of the version's manifest.
        self._columns_of: dict[str, list[str]] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer what the version answers; the protocol's errors are `{"error": ...}`."""
        headers: Headers = [(b"content-type", b"application/json")]
        if scope["method"] == "OPTIONS" and (allowed := self._allowed(scope["path"])):
            await answer_options(send, *allowed)
            return

        try:
            asked = read_headers(scope["headers"], self.units.header)
            version, rest = self._target(scope, asked)
            if rest == "/infer":
                status, payload = await self._infer(scope, receive, version, asked, headers)
            else:
                status, payload = await self._describe(version, rest, headers)
        except Problem as problem:
            status, payload = problem.status, error_body(problem.detail)
            headers += problem.headers()[1:]

        if self.leaving() or status in (408, 413):
            headers.append((b"connection", b"close"))

        await answer(send, status, headers, payload)

    def _target(self, scope: Scope, asked: RequestContext) -> tuple[str | None, str]:
        """The version that is asked for (None: any) and what of it; raises Problem 400, 403, 404,
        405.
        """
        allowed = self._allowed(scope["path"])
        match = MODEL_PATH.fullmatch(scope["path"])
        if match is None or not allowed:
            raise Problem(404, f"there is no such model here: the model is {self.settings.model!r}")
        if scope["method"] not in allowed:
            raise not_allowed(f"{scope['path']} is asked for with {' or '.join(allowed)}", *allowed)

        if asked.fault is not None:
            raise asked.fault

        version = match["version"] or asked.pin
        if asked.pin is not None and version != asked.pin:
            raise Problem(
                400, "the path and X-Model-Version name different versions: leave out one of them"
            )

        if version is not None:
            self.access.require_pinning(scope["headers"])

        return version, match["rest"] or ""

    def _allowed(self, path: str) -> tuple[str, ...]:
        """The methods of a path; none where there is no such path."""
        match = MODEL_PATH.fullmatch(path)
        if match is None or match["model"] != self.settings.model:
            return ()
        if match["rest"] == "/infer":
            return ("POST",)
        return ("GET", "HEAD")

    async def _describe(
        self, version: str | None, rest: str, headers: Headers
    ) -> tuple[int, bytes]:
        name = version or self._released()
        if name not in self.traffic.lanes:
            raise Problem(404, f"version {name!r} is not deployed")

        outcome = await self._exchange("GET", name, rest, b"")
        if isinstance(outcome, Failure):
            raise _failure(name, outcome)

        headers.append((b"x-model-version", name.encode()))
        return outcome.status, outcome.body

    def _released(self) -> str:
        table = self.traffic.table
        name = table.released or next(
            (name for name, weight in table.weights.items() if weight > 0), None
        )
        if name is None:
            raise Problem(
                503,
                "no version is released yet: `python deploy.py promote VERSION`",
                retry_after_s=5,
            )

        return name

    async def _infer(
        self,
        scope: Scope,
        receive: Receive,
        version: str | None,
        asked: RequestContext,
        headers: Headers,
    ) -> tuple[int, bytes]:
        if _header(scope["headers"], b"inference-header-content-length"):
            raise Problem(
                400,
                "the binary tensor extension is not offered: send `data` as JSON "
                "(binary_data=False)",
            )

        async with sent_body(scope, receive, self.limits.max_body_bytes) as sent:
            arrived = asyncio.get_running_loop().time()
            body = without_bom(await sent.unpacked())
            await self._look_through(body)
            self._check_rows(body)
            draw = await self._draw(asked, body, version, headers)
            status, payload, answered = await self._ask_within(
                asked.timeout_s, arrived, draw, version is not None, body
            )

        headers.append((b"x-model-version", answered.encode()))
        if answered != draw.version:
            headers.append((b"x-fallback-from", draw.version.encode()))

        return status, payload

    async def _draw(
        self, asked: RequestContext, body: bytes, version: str | None, headers: Headers
    ) -> Draw:
        """The version for this request's unit, as /predict draws it; a cookie for the caller joins
        `headers`.
        """
        tensors = _tensors(body) if self.units.field and not asked.unit else []
        columns = await self._columns() if _in_one(tensors) else []
        first_row = partial(_first_value, tensors, columns)
        unit = self.units.unit(asked.unit, asked.cookie, first_row)
        lasting = bool(unit) or self.units.set_cookie
        if not unit:
            # The router's own coin.
            unit = os.urandom(12).hex().encode()
            if self.units.set_cookie:
                headers.append((b"set-cookie", self.units.set_cookie_header(unit)))

        return self.traffic.draw(unit, lasting, version)

    async def _columns(self) -> list[str]:
        """The columns in the order of a version's metadata, the released one's if it tells; none
        where nobody does.
        """
        table = self.traffic.table
        for name in dict.fromkeys([table.released, *table.weights]):
            version = table.ledger.versions.get(name or "")
            if version is None:
                continue
            if version.digest in self._columns_of:
                return self._columns_of[version.digest]

            outcome = await self._exchange("GET", version.name, "", b"")
            if isinstance(outcome, Answer) and (found := _columns_in(outcome.body)):
                self._columns_of[version.digest] = found
                return found

        return []

    async def _look_through(self, body: bytes) -> None:
        """Refuse what would take much memory apart: too many tensors. Raises Problem 413, 503."""
        if len(body) <= LARGE_BODY:
            return

        most = MOST_TENSORS
        if await SCAN_POOL.run(too_many, body, {TENSORS_DEPTH: most}) is not None:
            raise Problem(
                413, f"more than {most} tensors in one request: at most {most} are allowed"
            )

    def _check_rows(self, body: bytes) -> None:
        try:
            rows = max(map(_rows_of, self._rows(body).inputs), default=0)
        except msgspec.ValidationError:
            return  # The version says what is wrong with it.
        except _unreadable as error:
            raise Problem(400, json_fault(body, error, WHAT_TO_SEND)) from error

        if rows > self.limits.max_rows:
            raise Problem(
                413, f"{rows} rows in one request: at most {self.limits.max_rows} are allowed"
            )

        most_bytes = self.limits.max_row_bytes
        if len(body) > most_bytes * max(1, rows):
            raise Problem(
                413,
                f"{len(body)} bytes for {max(1, rows)} rows: "
                f"at most {most_bytes} bytes a row are allowed",
            )

    async def _ask_within(
        self, own_s: float | None, arrived: float, draw: Draw, pinned: bool, body: bytes
    ) -> tuple[int, bytes, str]:
        """Ask, and answer 504 once the deadline has passed; what the version says then still
        counts. arrived: loop time at which the request was there.
        """
        loop = asyncio.get_running_loop()
        within_s = min(own_s or math.inf, self.limits.deadline_ms / 1000)
        late = Problem(504, f"no answer within the deadline of {within_s:.3g} s")
        left_s = within_s - (loop.time() - arrived)
        if left_s <= 0:
            raise late

        asking = loop.create_task(self._ask(draw, pinned, body))
        try:
            return await asyncio.wait_for(asyncio.shield(asking), left_s)
        except TimeoutError:
            raise late from None
        finally:
            if not asking.done():
                self._checking.add(asking)
                asking.add_done_callback(self._ended)

    def _ended(self, asking: "asyncio.Task[Any]") -> None:
        self._checking.discard(asking)
        # Nobody waits for its answer, or for its failure, any more.
        asking.cancelled() or asking.exception()

    async def _ask(self, draw: Draw, pinned: bool, body: bytes) -> tuple[int, bytes, str]:
        version = draw.version
        started = time.perf_counter()
        outcome = await self._exchange("POST", version, "/infer", body)
        code = _status(outcome)
        seconds = time.perf_counter() - started
        self.traffic.counts.request(version, draw.role, code, seconds)
        failure = _counted(draw, code, seconds)
        other = self.traffic.table.fallback_for(version)
        if code >= 500 and other and not pinned and self.settings.router.fallback:
            self.traffic.counts.add(("fallback", version, "infer"))
            outcome, version = await self._exchange("POST", other, "/infer", body), other

        if failure is not None:
            checking = asyncio.get_running_loop().create_task(self._compare(failure, draw, body))
            self._checking.add(checking)
            checking.add_done_callback(self._checking.discard)

        if isinstance(outcome, Failure):
            raise _failure(version, outcome)

        return outcome.status, outcome.body, version

    async def _compare(self, failure: FailedRequest, draw: Draw, body: bytes) -> None:
        """Count a failure by what the other version says of the same request, as for /predict."""
        lane = self.traffic.checks.lane_to_ask(
            failure, draw.version, 1 + len(body) // ROW_BYTES, self.traffic.table, draw.weight
        )
        if lane is None:
            return

        outcome = await self._exchange("POST", lane.version, "/infer", body)
        if isinstance(outcome, Failure) and outcome.reason == "timeout":
            failure.dismiss()
        else:
            failure.settle_as(_status(outcome) == 200)

    async def _exchange(
        self, method: str, version: str, rest: str, body: bytes
    ) -> Answer | Failure:
        path = f"/v2/models/{self.settings.model}/versions/{version}{rest}"
        timeout_s = self.limits.version_timeout_ms / 1000
        lane = self.traffic.lanes.get(version)
        if lane is None:
            return Failure("closed", "it is not deployed")

        outcome: Answer | Failure = await lane.pool.forward(
            method, path, b"application/json", body, timeout_s
        )
        if isinstance(outcome, Failure) and outcome.reason == "closed":
            await asyncio.sleep(0)
            outcome = await lane.pool.forward(method, path, b"application/json", body, timeout_s)

        give_up = time.monotonic() + self.limits.deadline_ms / 1000
        while rest == "/infer" and _undelivered(outcome) and await self._restarted(lane, give_up):
            outcome = await lane.pool.forward(method, path, b"application/json", body, timeout_s)

        if isinstance(outcome, Answer):
            lane.reached()

        if isinstance(outcome, Answer) and outcome.status not in _OF_THE_REQUEST:
            return Failure("garbled", f"it answered {outcome.status}")

        return outcome

    async def _restarted(self, lane: Lane, give_up: float) -> bool:
        """Wait for a moment, as /predict does in its queue, where only this version answers and is
        being restarted.
        """
        if (
            self._waiting >= MOST_WAITING
            or time.monotonic() >= give_up
            or not lane.waits_for_restart()
        ):
            return False

        self._waiting += 1
        try:
            await asyncio.sleep(LOOK_S)
        finally:
            self._waiting -= 1

        return True


def _counted(draw: Draw, code: int, seconds: float) -> FailedRequest | None:
    """Count how a drawn request ended; a failure is returned instead, until it is known what the
    other one says.
    """
    word = word_of(code, None)
    if draw.tally is None:
        return None
    if word in ("error", "refused"):
        return FailedRequest(draw.tally, word, seconds, warm=False)

    draw.tally.request_finished(word, seconds, warm=False)
    return None


def _undelivered(outcome: Answer | Failure) -> bool:
    return isinstance(outcome, Failure) and outcome.reason == "connect"


def _header(headers: Headers, name: bytes) -> str:
    return next((value.decode("latin-1") for key, value in headers if key == name), "")


def _rows_of(tensor: _Shape) -> int:
    """How many rows its shape says; raises Problem 400, or what a decoder raises."""
    shape = _lengths(tensor.shape)
    return shape[0] if shape else 0


def _lengths(shape: msgspec.Raw) -> list[int]:
    """The numbers of a shape; raises Problem 400 where it is too long, or what a decoder raises."""
    if len(memoryview(shape)) > LONGEST_SHAPE:
        raise Problem(400, f"a shape is longer than {LONGEST_SHAPE} characters: send `[rows, ...]`")

    return msgspec.json.decode(shape, type=list[int])


def _tensors(body: bytes) -> list[_Values]:
    """The tensors of a request; none where the version will say what is wrong with it."""
    try:
        return msgspec.json.decode(body, type=_Tensors).inputs
    except _unreadable:
        return []


def _in_one(tensors: list[_Values]) -> bool:
    return len(tensors) == 1 and tensors[0].holds_all_columns


def _columns_in(metadata: bytes) -> list[str]:
    try:
        return [column.name for column in msgspec.json.decode(metadata, type=_Metadata).inputs]
    except _unreadable:
        return []


def _first_value(tensors: list[_Values], columns: list[str], name: str) -> Any:
    """The value of the first row in the column of that name, None where it has none.

    Raises Problem where all columns are in one tensor and their order is not known.
    """
    if _in_one(tensors):
        if not columns:
            raise Problem(
                503,
                f"the unit is in the column {name!r}, and no version tells the order of the "
                f"columns now: send one tensor a column, or the unit in its header",
                retry_after_s=1,
            )
        return _at(tensors[0].data, columns.index(name)) if name in columns else None

    # A tensor of shape [n, 1] may have its values in lists of one.
    return next((_at(tensor.data, 0) for tensor in tensors if tensor.name == name), None)


def _at(data: msgspec.Raw, place: int) -> Any:
    """A value of the first row of data that is nested or flat; None where there is none.

    Only the beginning is read, and no value after that one is made: they may be millions.
    """
    begin = bytes(memoryview(data)[:FIRST_VALUE_BYTES]).decode("utf-8", "ignore").lstrip(_BLANKS)
    if begin[:1] != "[":
        return None

    try:
        value, end = _value_from(begin, 1)
        if isinstance(value, list):
            return value[place]

        for _ in range(place):
            value, end = _value_after(begin, end)
    except (ValueError, IndexError, RecursionError):
        return None

    return value


def _value_from(text: str, start: int) -> tuple[Any, int]:
    """The value that begins there after blanks, and where it ends; raises ValueError."""
    rest = text[start:].lstrip(_BLANKS)
    value, end = _one_value(rest)
    return value, len(text) - len(rest) + end


def _value_after(text: str, end: int) -> tuple[Any, int]:
    """The value after the comma that follows there; raises ValueError."""
    rest = text[end:].lstrip(_BLANKS)
    if rest[:1] != ",":
        raise ValueError("no further value")

    return _value_from(text, len(text) - len(rest) + 1)


def _status(outcome: Answer | Failure) -> int:
    if isinstance(outcome, Answer):
        return outcome.status
    return STATUS_OF_LOSS.get(outcome.reason, 503)


def _failure(version: str, failure: Failure) -> Problem:
    status = _status(failure)
    return Problem(
        status, f"{version}: {failure.detail}", retry_after_s=1 if status == 503 else None
    )
