"""POST /predict: the hot path. Rows stay raw JSON from the caller to the version and back.

`answer` is the endpoint for wire/fast_path.py, with a callback; `__call__` is the same as ASGI, for
requests on the slow path."""

import asyncio
import logging
import os
from collections.abc import Callable
from itertools import count
from typing import Any

import msgspec

from rollout.settings import Settings
from router.access import Access
from router.dispatch.dispatcher import STATUS_OF_LOSS, Dispatcher, Reply
from router.dispatch.pairs import PairedRequest
from router.dispatch.work_items import DispatchError, Predicted, RowError
from router.evidence.prediction_counters import Outcomes
from router.evidence.row_sample import RowSample
from router.problems import (
    Headers,
    Problem,
    Receive,
    Scope,
    Send,
    answer,
    answer_options,
    failed,
    not_allowed,
)
from router.requests.body import DecompressedBody, sent_body
from router.requests.content_encoding import decompress
from router.requests.json_errors import json_fault, without_bom
from router.requests.json_scan import too_many_or_large
from router.requests.request_headers import RequestContext, read_headers
from router.requests.thread_pools import LARGE_BODY, SCAN_POOL
from router.requests.unit_source import UnitSource, row_field
from wire.budget import ByteBudget
from wire.fast_path import Respond

log = logging.getLogger("sluice.predict")
JSON = (b"content-type", b"application/json")
ERRORS_LISTED = 100
"""Bad rows that an answer describes; of further ones it has only the number."""
# The depth of the rows in a body.
ROWS_DEPTH = 2


class PredictBody(msgspec.Struct, forbid_unknown_fields=True):
    """`{"instances": [...]}`: the rows stay raw."""

    instances: list[msgspec.Raw]


class Predict:
    """The endpoint. Belongs to one worker."""

    def __init__(
        self,
        settings: Settings,
        traffic: Dispatcher,
        outcomes: Outcomes,
        recent: RowSample,
        access: Access,
        leaving: Callable[[], bool],
        budget: ByteBudget | None = None,
    ) -> None:
        self.settings, self.traffic = settings, traffic
        self.outcomes, self.leaving = outcomes, leaving
        self.recent, self.access, self.budget = recent, access, budget
        self.limits = settings.router.limits
        self.units = UnitSource(settings.router.unit)
        self._unit_header = self.units.header
        self._decode = msgspec.json.Decoder(PredictBody).decode
        self._preparing: set[asyncio.Task[None]] = set()
        self._serial = count()
        self._prefix = os.urandom(6).hex().encode()
        self._model = msgspec.json.encode(settings.model)
        self._heads: dict[str, bytes] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one ASGI request."""
        answered: asyncio.Future[tuple[int, Headers, bytes]] = (
            asyncio.get_running_loop().create_future()
        )

        def respond(status: int, headers: Headers, body: bytes) -> None:
            # The client may have disconnected, which cancels the task.
            if not answered.done():
                answered.set_result((status, headers, body))

        if scope["method"] == "OPTIONS":
            await answer_options(send, "POST")
            return

        headers = scope["headers"]
        try:
            if scope["method"] != "POST":
                raise not_allowed("predictions are asked for with POST", "POST")

            async with sent_body(scope, receive, self.limits.max_body_bytes) as given:
                self.answer(headers, given.sent, respond)
                await answered
        except Problem as problem:
            self._refuse(respond, self._read_headers(headers), problem)

        status, headers, body = await answered
        if self.leaving() or status in (408, 413):
            headers.append((b"connection", b"close"))

        await answer(send, status, headers, body)

    def answer(self, headers: Headers, body: bytes, respond: Respond) -> None:
        """Answer one request by one call of `respond`."""
        context = self._read_headers(headers)
        if context.fault is not None:
            self._refuse(respond, context, context.fault)
        elif context.encoding or len(body) > LARGE_BODY:
            work = asyncio.get_running_loop().create_task(
                self._prepare(context, headers, body, respond)
            )
            self._preparing.add(work)
            work.add_done_callback(self._preparing.discard)
        else:
            self._ask(context, headers, body, respond)

    def _ask(
        self, context: RequestContext, headers: Headers, body: bytes, respond: Respond
    ) -> None:
        """Send the rows of a body to a version and answer. Raises nothing."""
        try:
            if context.pin is not None:
                self.access.require_pinning(headers)

            rows = self._rows(body)
            unit, cookie, lasting = self._unit_of(context, rows)
            timeout_s = min(self.limits.deadline_ms / 1000, context.timeout_s or 1e9)
            if context.waited_s >= timeout_s:
                raise Problem(504, f"no answer within the deadline of {timeout_s:.3g} s")

            def done(reply: Reply) -> None:
                self._answer(context, rows, unit, cookie, reply, respond)

            self.traffic.predict(
                rows, unit, lasting, context.pin, timeout_s - context.waited_s, done
            )
        except Problem as problem:
            self._refuse(respond, context, problem)
        except Exception:
            log.exception("a request could not be answered")
            self._refuse(respond, context, failed())

    async def _prepare(
        self, context: RequestContext, headers: Headers, body: bytes, respond: Respond
    ) -> None:
        """Decompress and scan a body in threads, then send its rows. Raises nothing."""
        loop = asyncio.get_running_loop()
        arrived = loop.time()
        try:
            if context.encoding:
                body = await decompress(body, context.encoding, self.limits.max_body_bytes)
                respond = self._releasing(body, respond)

            if len(body) > LARGE_BODY:
                await self._check_size(body)
        except Problem as problem:
            self._refuse(respond, context, problem)
        except Exception:
            log.exception("a body could not be read")
            self._refuse(respond, context, failed())
        else:
            context.waited_s = loop.time() - arrived
            self._ask(context, headers, body, respond)

    async def _check_size(self, body: bytes) -> None:
        """Refuse a body whose decoding would take too much memory. Raises Problem 413, 503."""
        most, most_bytes = self.limits.max_rows, self.limits.max_row_bytes
        broken = await SCAN_POOL.run(too_many_or_large, body, ROWS_DEPTH, most, most_bytes)
        if broken == "number":
            raise Problem(413, f"more than {most} rows in one request: at most {most} are allowed")
        if broken == "size":
            raise Problem(
                413, f"a row has more than {most_bytes} bytes: at most {most_bytes} are allowed"
            )

    def _releasing(self, body: bytes, respond: Respond) -> Respond:
        """`respond`, which also releases the decompressed body from the worker's budget."""
        if self.budget is None:
            return respond

        held = DecompressedBody(body, self.budget)

        def release_and_respond(status: int, headers: Headers, answer: bytes) -> None:
            held.release()
            respond(status, headers, answer)

        return release_and_respond

    def _answer(
        self,
        context: RequestContext,
        rows: list[msgspec.Raw],
        unit: bytes,
        cookie: bytes,
        reply: Reply,
        respond: Respond,
    ) -> None:
        """Answer, then keep what was answered. Raises nothing: others share the batch."""
        own = reply.fallback_from is None
        try:
            predicted = _usable(reply)
            pair = _labelled_pair(reply)
            paired = pair is not None
            prediction_id = self.outcomes.note(
                reply.version, predicted, reply.draw, own, unit, paired
            )
            if pair is not None:
                pair.named(prediction_id)

            headers = self._headers(context, reply, prediction_id)
            if cookie:
                headers.append((b"set-cookie", self.units.set_cookie_header(cookie)))

            body = self._body(reply.version, predicted)
        except Problem as problem:
            self._refuse(respond, context, problem)
            return
        except Exception:
            log.exception("an answer of %s could not be sent", reply.version)
            self._refuse(respond, context, failed())
            return

        respond(200, headers, body)
        if not context.pin:
            try:
                self._remember(rows, predicted, reply, prediction_id)
            except Exception:
                log.exception("rows that %s answered could not be kept or copied", reply.version)

    def _remember(
        self, rows: list[msgspec.Raw], predicted: Predicted, reply: Reply, prediction_id: bytes
    ) -> None:
        """For replays, comparisons and shadows."""
        self.recent.note(rows)
        traffic = self.traffic
        traffic.sample = rows
        traffic.rehearsal.copy(rows, reply.version)
        if traffic.mirror.shadows and reply.fallback_from is None and reply.pair is None:
            traffic.mirror.copy(
                rows, predicted, prediction_id if reply.draw.tally is not None else b""
            )

    def _read_headers(self, headers: Headers) -> RequestContext:
        context = read_headers(headers, self._unit_header)
        if not context.request_id:
            context.request_id = b"%b%x" % (self._prefix, next(self._serial))

        return context

    def _rows(self, body: bytes) -> list[msgspec.Raw]:
        try:
            # Raw rows are not decoded here, so invalid UTF-8 would spoil the whole batch.
            if not body.isascii():
                body = without_bom(body)
                body.decode()

            rows = self._decode(body).instances
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
            raise Problem(400, json_fault(body, error)) from error

        if not rows:
            raise Problem(400, "`instances` is empty: send at least one row")

        self._require_small(rows, len(body))
        return rows

    def _require_small(self, rows: list[msgspec.Raw], body_bytes: int) -> None:
        """Raise Problem 413 for too many rows, or one that is too large."""
        limits = self.limits
        if len(rows) > limits.max_rows:
            raise Problem(
                413, f"{len(rows)} rows in one request: at most {limits.max_rows} are allowed"
            )

        if body_bytes > limits.max_row_bytes:
            sizes = list(map(len, rows))
            largest = max(sizes)
            if largest > limits.max_row_bytes:
                raise Problem(
                    413,
                    f"row {sizes.index(largest)} has {largest} bytes: "
                    f"at most {limits.max_row_bytes} are allowed",
                )

    def _unit_of(
        self, context: RequestContext, rows: list[msgspec.Raw]
    ) -> tuple[bytes, bytes, bool]:
        """The unit, the value of a cookie to set or empty, and whether the unit comes again."""
        unit = context.unit or self.units.unit(b"", context.cookie, row_field(rows[0]))
        if unit:
            return unit, b"", True

        if self.units.set_cookie:
            fresh = os.urandom(12).hex().encode()
            return fresh, fresh, True

        # Random: with an id of its own choice, a client could choose the version.
        return os.urandom(8), b"", False

    def _headers(self, context: RequestContext, reply: Reply, prediction_id: bytes) -> Headers:
        headers = [
            JSON,
            (b"x-model-version", reply.version.encode()),
            (b"x-request-id", context.request_id),
            (b"x-prediction-id", prediction_id),
        ]
        if reply.fallback_from is not None:
            headers.append((b"x-fallback-from", reply.fallback_from.encode()))

        return headers

    def _body(self, version: str, predicted: Predicted) -> bytes:
        head = self._heads.get(version)
        if head is None:
            head = b'{"model":%b,"version":%b,"predictions":[' % (
                self._model,
                msgspec.json.encode(version),
            )
            self._heads[version] = head

        rows = b",".join(predicted.predictions)
        return b"%b%b]%b}" % (head, rows, _further(predicted))

    def _refuse(self, respond: Respond, context: RequestContext, problem: Problem) -> None:
        self.outcomes.refused(problem.status)
        respond(
            problem.status,
            [*problem.headers(), (b"x-request-id", context.request_id)],
            problem.body(),
        )


def _usable(reply: Reply) -> Predicted:
    """The predictions; raises Problem if there is no answer, or a bad row."""
    if reply.predicted is None:
        raise _no_answer(reply)

    if reply.predicted.errors:
        raise _bad_rows(reply.version, reply.predicted)

    return reply.predicted


def _further(predicted: Predicted) -> bytes:
    """What follows the predictions: further outputs, and what the positions of lists mean."""
    parts = []
    if predicted.outputs:
        outputs = (
            b"%b:[%b]" % (msgspec.json.encode(name), b",".join(values))
            for name, values in predicted.outputs.items()
        )
        parts.append(b',"outputs":{%b}' % b",".join(outputs))

    if predicted.classes != b"null":
        parts.append(b',"classes":%b' % predicted.classes)

    if predicted.targets != b"null":
        parts.append(b',"targets":%b' % predicted.targets)

    return b"".join(parts)


def _labelled_pair(reply: Reply) -> PairedRequest | None:
    """The pair in which the label of this answer speaks of both versions'; None where it bets by
    the draw.
    """
    pair = reply.pair
    if pair is None or reply.fallback_from is not None or not pair.takes_label:
        return None
    return pair


def _bad_rows(version: str, predicted: Predicted) -> Problem:
    """The problem that describes the bad rows and has the predictions of the others."""
    errors = predicted.errors
    extra: dict[str, Any] = {}
    if len(errors) > ERRORS_LISTED:
        extra["errors_not_listed"] = len(errors) - ERRORS_LISTED

    bad = {error.row for error in errors}
    outputs = {name: _without_bad(values, bad) for name, values in predicted.outputs.items()}
    if outputs:
        extra["outputs"] = outputs

    model_failed = any(error.status >= 500 for error in errors)
    return Problem(
        500 if model_failed else 422,
        _summary(errors),
        version=version,
        errors=list(map(_listed, errors[:ERRORS_LISTED])),
        **extra,
        predictions=_without_bad(predicted.predictions, bad),
    )


def _without_bad(values: list[msgspec.Raw], bad: set[int]) -> list[msgspec.Raw | None]:
    return [None if row in bad else raw for row, raw in enumerate(values)]


def _summary(errors: list[RowError]) -> str:
    """The first error, and the number of others."""
    first, more = errors[0], len(errors) - 1
    text = f"row {first.row}"
    if first.column:
        text += f", column {first.column!r}"

    text += f": {first.detail}"
    if more:
        text += f" (and {more} more)"

    return text


def _listed(error: RowError) -> dict[str, object]:
    return {
        "row": error.row,
        "status": error.status,
        "detail": error.detail,
        "column": error.column,
    }


def _no_answer(reply: Reply) -> Problem:
    error = reply.lost or DispatchError("closed", "no answer")
    status = STATUS_OF_LOSS.get(error.reason, 503)
    return Problem(
        status,
        error.detail,
        retry_after_s=1 if status == 503 else None,
        version=reply.version,
        reason=error.reason,
    )
