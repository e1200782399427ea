"""The Open Inference Protocol: forwards requests to the version in the path, else to a drawn one.

Metadata, readiness and configuration come from the released version, and are not counted."""

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
from router.dispatch.work_items import GATEWAY_ERRORS
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

# How often the only version is tried again while it restarts, and by how many requests at once.
LOOK_S = 0.2
WHAT_TO_SEND = 'send {"inputs": [{"name", "shape", "datatype", "data"}, ...]}, as the metadata says'
MOST_WAITING = 256
# The depth of the tensors in a body, their largest number, and the longest shape.
TENSORS_DEPTH = 2
MOST_TENSORS = 4_096
LONGEST_SHAPE = 1_024
# Bytes of a tensor's data that are read to find the first row.
FIRST_VALUE_BYTES = 64 * 1024
# Statuses that depend on the request; any other one is a failure of the version.
_OF_THE_REQUEST = frozenset({200, 400, 413, 500})
_BLANKS = " \t\n\r"
_one_value = json.JSONDecoder().raw_decode
_unreadable = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


class _Shape(msgspec.Struct):
    shape: msgspec.Raw = msgspec.Raw(b"[]")


class _Inputs(msgspec.Struct):
    """The part of an inference request that has the number of rows."""

    inputs: list[_Shape] = []


class _Values(msgspec.Struct):
    name: str = ""
    shape: msgspec.Raw = msgspec.Raw(b"[]")
    data: msgspec.Raw = msgspec.Raw(b"[]")

    @property
    def holds_all_columns(self) -> bool:
        """Whether its shape is [n, k]: the only tensor of a request, with all columns."""
        try:
            shape = _lengths(self.shape)
        except (Problem, *_unreadable):
            return False

        return len(shape) == 2 and shape[1] > 1


class _Tensors(msgspec.Struct):
    """The part of an inference request that has the values of the first row."""

    inputs: list[_Values] = []


class _Column(msgspec.Struct):
    name: str


class _Metadata(msgspec.Struct):
    """The part of a version's metadata that has the columns, in order."""

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
        """Answer with the version's answer, or with an error of the protocol."""
        headers: Headers = [(b"content-type", b"application/json")]
        if scope["method"] == "OPTIONS" and (allowed := self._allowed(scope["path"])):
            await answer_options(send, *allowed)
            return

        try:
            context = read_headers(scope["headers"], self.units.header)
            version, rest = self._target(scope, context)
            if rest == "/infer":
                status, payload = await self._infer(scope, receive, version, context, headers)
            else:
                status, payload = await self._describe(version, rest, headers)
        except Problem as problem:
            status, payload = problem.status, error_body(problem.detail)
            headers += problem.headers()[1:]

        if self.leaving() or status in (408, 413):
            headers.append((b"connection", b"close"))

        await answer(send, status, headers, payload)

    def _target(self, scope: Scope, context: RequestContext) -> tuple[str | None, str]:
        """The requested version (None: any) and the rest of the path.

        Raises Problem 400, 403, 404, 405."""
        allowed = self._allowed(scope["path"])
        match = MODEL_PATH.fullmatch(scope["path"])
        if match is None or not allowed:
            raise Problem(404, f"there is no such model here: the model is {self.settings.model!r}")
        if scope["method"] not in allowed:
            raise not_allowed(f"{scope['path']} is asked for with {' or '.join(allowed)}", *allowed)

        if context.fault is not None:
            raise context.fault

        version = match["version"] or context.pin
        if context.pin is not None and version != context.pin:
            raise Problem(
                400, "the path and X-Model-Version name different versions: leave out one of them"
            )

        if version is not None:
            self.access.require_pinning(scope["headers"])

        return version, match["rest"] or ""

    def _allowed(self, path: str) -> tuple[str, ...]:
        """The methods of a path; none for an unknown path."""
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
        context: RequestContext,
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
            body = without_bom(await sent.decompressed())
            await self._check_size(body)
            self._check_rows(body)
            draw = await self._draw(context, body, version, headers)
            status, payload, answered = await self._ask_within(
                context.timeout_s, arrived, draw, version is not None, body
            )

        headers.append((b"x-model-version", answered.encode()))
        if answered != draw.version:
            headers.append((b"x-fallback-from", draw.version.encode()))

        return status, payload

    async def _draw(
        self, context: RequestContext, body: bytes, version: str | None, headers: Headers
    ) -> Draw:
        """Draw the version for the request's unit, as /predict does.

        headers: of the answer; a cookie with a new unit is appended."""
        tensors = _tensors(body) if self.units.field and not context.unit else []
        columns = await self._columns() if _in_one(tensors) else []
        first_row = partial(_first_value, tensors, columns)
        unit = self.units.unit(context.unit, context.cookie, first_row)
        lasting = bool(unit) or self.units.set_cookie
        if not unit:
            # Random, since the request has no unit.
            unit = os.urandom(12).hex().encode()
            if self.units.set_cookie:
                headers.append((b"set-cookie", self.units.set_cookie_header(unit)))

        return self.traffic.draw(unit, lasting, version)

    async def _columns(self) -> list[str]:
        """The columns, in the order of the released version's metadata or of another version's."""
        table = self.traffic.table
        for name in dict.fromkeys([table.released, *table.weights]):
            version = table.ledger.versions.get(name or "")
            if version is None:
                continue

            if version.digest in self._columns_of:
                return self._columns_of[version.digest]

            outcome = await self._exchange("GET", version.name, "", b"")
            if isinstance(outcome, Answer) and (columns := _columns_in(outcome.body)):
                self._columns_of[version.digest] = columns
                return columns

        return []

    async def _check_size(self, body: bytes) -> None:
        """Refuse too many tensors, whose decoding takes memory. Raises Problem 413, 503."""
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
            return  # The version will describe the error.
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
        """Forward a request; raises Problem 504 after the deadline, but its outcome still counts.

        own_s: the caller's deadline. arrived: loop time at which the request had arrived."""
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
        # Nobody waits for the outcome any more; an exception must be retrieved, or it is logged.
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
        """Count a failure by the other version's answer to the request, as for /predict."""
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
        """Wait before another attempt, if the version is restarting and has no fallback.

        give_up: monotonic seconds."""
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
    """Count the outcome of a drawn request.

    Returns a failure instead of counting it: first the other version is asked."""
    if draw.tally is None:
        return None

    word = word_of(code, None)
    if code in GATEWAY_ERRORS:
        # As of other requests: one such event costs many, so it bets on no draw.
        word = "neither"

    if word in ("error", "refused"):
        return FailedRequest(draw.tally, word, seconds, warm=False)

    draw.tally.request_finished(word, seconds, warm=False)
    return None


def _undelivered(outcome: Answer | Failure) -> bool:
    return isinstance(outcome, Failure) and outcome.reason == "connect"


def _header(headers: Headers, name: bytes) -> str:
    return next((value.decode("latin-1") for key, value in headers if key == name), "")


def _rows_of(tensor: _Shape) -> int:
    """The number of rows in a shape; raises Problem 400 or a decoder's error."""
    shape = _lengths(tensor.shape)
    return shape[0] if shape else 0


def _lengths(shape: msgspec.Raw) -> list[int]:
    """The numbers of a shape; raises Problem 400 if it is too long, or a decoder's error."""
    if len(memoryview(shape)) > LONGEST_SHAPE:
        raise Problem(400, f"a shape is longer than {LONGEST_SHAPE} characters: send `[rows, ...]`")

    return msgspec.json.decode(shape, type=list[int])


def _tensors(body: bytes) -> list[_Values]:
    """The tensors of a request; none if it is invalid, which the version will report."""
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
    """The first row's value in a column, None where there is none.

    Raises Problem 503 if all columns are in one tensor and their order is not known."""
    if _in_one(tensors):
        if not columns:
            raise Problem(
                503,
                f"the unit is in the column {name!r}, and no version tells the order of the "
                "columns now: send one tensor a column, or the unit in its header",
                retry_after_s=1,
            )

        return _at(tensors[0].data, columns.index(name)) if name in columns else None

    # A tensor of shape [n, 1] may have its values in lists of one.
    return next((_at(tensor.data, 0) for tensor in tensors if tensor.name == name), None)


def _at(data: msgspec.Raw, position: int) -> Any:
    """The first row's value at `position`, in nested or flat data; None where there is none.

    Later values are not decoded, since there may be millions."""
    begin = bytes(memoryview(data)[:FIRST_VALUE_BYTES]).decode("utf-8", "ignore").lstrip(_BLANKS)
    if begin[:1] != "[":
        return None

    try:
        value, end = _value_from(begin, 1)
        if isinstance(value, list):
            return value[position]

        for _ in range(position):
            value, end = _value_after(begin, end)
    except (ValueError, IndexError, RecursionError):
        return None

    return value


def _value_from(text: str, start: int) -> tuple[Any, int]:
    """The value from `start` on, after blanks, and its end; raises ValueError."""
    rest = text[start:].lstrip(_BLANKS)
    value, end = _one_value(rest)
    return value, len(text) - len(rest) + end


def _value_after(text: str, end: int) -> tuple[Any, int]:
    """The value after the comma that follows at `end`, and its end; raises ValueError."""
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
