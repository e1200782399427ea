"""POST /predict: the hot path. Rows stay raw JSON from the caller's body to the version's, and back.

`answer` is its whole work, by callback, for wire/door.py; `__call__` is the same as ASGI, for requests that came the
long way.
"""

import asyncio
import os
import time
from collections.abc import Callable
from itertools import count

import msgspec

from rollout.settings import Settings
from router.access import Access
from router.outcomes import Outcomes
from router.pending import Lost, Predicted
from router.problems import Headers, Problem, Receive, Scope, Send, answer, read_body
from router.recent import Recent
from router.traffic import STATUS_OF_LOSS, Reply, Traffic
from wire.door import Respond

JSON = (b"content-type", b"application/json")
LONGEST_ID = 128


class PredictBody(msgspec.Struct, forbid_unknown_fields=True):
    """`{"instances": [...]}`: the rows stay raw."""

    instances: list[msgspec.Raw]


class Asked:
    """What a request's headers say."""

    __slots__ = ("cookie", "pin", "request_id", "timeout_s", "unit")

    def __init__(self) -> None:
        self.pin: str | None = None
        self.request_id: bytes = b""
        self.unit: bytes = b""
        self.cookie: bytes = b""
        self.timeout_s: float | None = None


class Predict:
    """The endpoint. Belongs to one worker."""

    def __init__(
        self,
        settings: Settings,
        traffic: Traffic,
        outcomes: Outcomes,
        recent: Recent,
        access: Access,
        leaving: Callable[[], bool],
    ) -> None:
        self.settings, self.traffic, self.outcomes, self.leaving = settings, traffic, outcomes, leaving
        self.recent, self.access = recent, access
        self.limits = settings.router.limits
        self.unit = settings.router.unit
        self._unit_header = self.unit.header.lower().encode()
        self._decode = msgspec.json.Decoder(PredictBody).decode
        self._serial = count()
        self._prefix = os.urandom(6).hex().encode()
        self._model = msgspec.json.encode(settings.model)
        self._heads: dict[str, bytes] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one ASGI request."""
        answered: asyncio.Future[tuple[int, Headers, bytes]] = asyncio.get_running_loop().create_future()

        def respond(status: int, headers: Headers, body: bytes) -> None:
            answered.set_result((status, headers, body))

        try:
            if scope["method"] != "POST":
                raise Problem(405, "predictions are asked for with POST")
            body = await read_body(receive, self.limits.max_body_bytes, time.monotonic)
        except Problem as problem:
            self._refuse(respond, self._read_headers(scope["headers"]), problem)
        else:
            self.answer(scope["headers"], body, respond)
        status, headers, body = await answered
        if self.leaving() or status in (408, 413):
            headers.append((b"connection", b"close"))
        await answer(send, status, headers, body)

    def answer(self, headers: Headers, body: bytes, respond: Respond) -> None:
        """Answer one request by one call of `respond`; a Problem becomes problem JSON."""
        asked = self._read_headers(headers)
        try:
            if asked.pin is not None:
                self.access.require_pinning(headers)
            rows = self._rows(body)
            unit, cookie, lasting = self._unit_of(asked, rows)
            timeout_s = min(self.limits.deadline_ms / 1000, asked.timeout_s or 1e9)

            def done(reply: Reply) -> None:
                self._tell(asked, rows, unit, cookie, reply, respond)

            self.traffic.predict(rows, unit, lasting, asked.pin, timeout_s, done)
        except Problem as problem:
            self._refuse(respond, asked, problem)

    def _tell(
        self, asked: Asked, rows: list[msgspec.Raw], unit: bytes, cookie: bytes, reply: Reply, respond: Respond
    ) -> None:
        try:
            predicted = _usable(reply)
        except Problem as problem:
            self._refuse(respond, asked, problem)
            return
        own = reply.fallen_from is None
        prediction_id = self.outcomes.note(reply.version, predicted, reply.draw, own, unit)
        headers = self._headers(asked, reply, prediction_id)
        if cookie:
            headers.append((b"set-cookie", self.unit_cookie(cookie)))
        respond(200, headers, self._body(reply.version, predicted))
        if asked.pin:
            return
        self.recent.note(rows)
        traffic = self.traffic
        traffic.sample = rows
        if traffic.mirror.shadows and own:
            traffic.mirror.copy(rows, predicted, prediction_id if reply.draw.tally is not None else b"")

    def unit_cookie(self, value: bytes) -> bytes:
        """The cookie that makes this caller a unit."""
        name = (self.unit.cookie or "sluice_unit").encode()
        return b"%b=%b; Path=/; Max-Age=31536000; HttpOnly; SameSite=Lax" % (name, value)

    def _read_headers(self, headers: Headers) -> Asked:
        asked = Asked()
        for name, value in headers:
            if name == self._unit_header:
                asked.unit = value[:LONGEST_ID]
            elif name == b"x-request-id":
                asked.request_id = value if len(value) <= LONGEST_ID and _plain(value) else b""
            elif name == b"x-model-version":
                asked.pin = value.decode("latin-1")
            elif name == b"cookie":
                asked.cookie = value
            elif name == b"x-timeout-ms":
                asked.timeout_s = _milliseconds(value)
        if not asked.request_id:
            asked.request_id = b"%b%x" % (self._prefix, next(self._serial))
        return asked

    def _rows(self, body: bytes) -> list[msgspec.Raw]:
        try:
            # Raw rows are not looked into here, so text that is not UTF-8 would reach the version in others' batch.
            if not body.isascii():
                body.decode()
            rows = self._decode(body).instances
        except (msgspec.DecodeError, RecursionError) as error:
            raise Problem(400, f'the body is not {{"instances": [{{column: value}}, ...]}}: {error}') from error
        except UnicodeDecodeError as error:
            raise Problem(400, f"the body is not UTF-8: {error.reason} at byte {error.start}") from error
        if not rows:
            raise Problem(400, "`instances` is empty: send at least one row")
        if len(rows) > self.limits.max_rows:
            raise Problem(413, f"{len(rows)} rows in one request: at most {self.limits.max_rows} are allowed")
        return rows

    def _unit_of(self, asked: Asked, rows: list[msgspec.Raw]) -> tuple[bytes, bytes, bool]:
        """The unit that is assigned, the value of a cookie to set (empty: none), and whether the unit comes again."""
        if asked.unit:
            return asked.unit, b"", True
        if self.unit.field:
            value = _field(rows[0], self.unit.field)
            if value:
                return value, b"", True
        if self.unit.cookie or self.unit.set_cookie:
            found = _cookie(asked.cookie, (self.unit.cookie or "sluice_unit").encode())
            if found:
                return found, b"", True
        if self.unit.set_cookie:
            fresh = os.urandom(12).hex().encode()
            return fresh, fresh, True
        # The router's own coin: an id that the client chose would let it choose the version.
        return os.urandom(8), b"", False

    def _headers(self, asked: Asked, reply: Reply, prediction_id: bytes) -> Headers:
        headers = [
            JSON,
            (b"x-model-version", reply.version.encode()),
            (b"x-request-id", asked.request_id),
            (b"x-prediction-id", prediction_id),
        ]
        if reply.fallen_from is not None:
            headers.append((b"x-fallback-from", reply.fallen_from.encode()))
        return headers

    def _body(self, version: str, predicted: Predicted) -> bytes:
        head = self._heads.get(version)
        if head is None:
            head = b'{"model":%b,"version":%b,"predictions":[' % (self._model, msgspec.json.encode(version))
            self._heads[version] = head
        rows = b",".join(predicted.predictions)
        if predicted.classes == b"null":
            return head + rows + b"]}"
        return b'%b%b],"classes":%b}' % (head, rows, predicted.classes)

    def _refuse(self, respond: Respond, asked: Asked, problem: Problem) -> None:
        self.outcomes.refused(problem.status)
        respond(problem.status, [*problem.headers(), (b"x-request-id", asked.request_id)], problem.body())


def _usable(reply: Reply) -> Predicted:
    """The predictions; raises Problem for no answer or a bad row, with what is good beside it."""
    if reply.predicted is None:
        raise _no_answer(reply)
    errors = reply.predicted.errors
    if not errors:
        return reply.predicted
    status = max(error.status for error in errors)
    first = errors[0]
    where = f"row {first.row}" + (f", column {first.column!r}" if first.column else "")
    more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
    raise Problem(
        500 if status >= 500 else 422,
        f"{where}: {first.detail}{more}",
        version=reply.version,
        errors=[msgspec.structs.asdict(error) for error in errors],
        predictions=[
            None if i in {e.row for e in errors} else raw for i, raw in enumerate(reply.predicted.predictions)
        ],
    )


def _no_answer(reply: Reply) -> Problem:
    lost = reply.lost or Lost("closed", "no answer")
    status = STATUS_OF_LOSS.get(lost.reason, 503)
    return Problem(
        status, lost.detail, retry_after_s=1 if status == 503 else None, version=reply.version, reason=lost.reason
    )


def _plain(value: bytes) -> bool:
    """Whether it may be given back in a header as it came."""
    return value.isascii() and value.decode().isprintable()


def _milliseconds(value: bytes) -> float | None:
    try:
        return max(0.001, int(value) / 1000)
    except ValueError:
        return None


def _field(row: msgspec.Raw, name: str) -> bytes:
    try:
        value = msgspec.json.decode(row)
    except msgspec.DecodeError:
        return b""
    found = value.get(name) if isinstance(value, dict) else None
    return b"" if found is None else str(found).encode()


def _cookie(header: bytes, name: bytes) -> bytes:
    for pair in header.split(b";"):
        key, _, value = pair.strip().partition(b"=")
        if key == name:
            return value[:LONGEST_ID]
    return b""
