"""The endpoint of predictions: the hot path. A codec makes rows of a body, and answers of
predictions; all else is the same for each of them. Rows are raw JSON from here to the version.

`answer` is the endpoint for wire/fast_path.py, with a callback; `__call__` is the same as ASGI, for
requests on the slow path."""

import asyncio
import logging
import os
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from itertools import count
from typing import Any

import msgspec

from rollout.settings import Settings
from router.access.rules import Access
from router.dispatch.dispatcher import STATUS_OF_LOSS, Dispatcher, Reply
from router.dispatch.pairs import PairedRequest
from router.dispatch.version_pages import VersionPages
from router.dispatch.work_items import DispatchError, Predicted
from router.endpoints.codecs.codec import (
    AnsweredCall,
    Codec,
    Encoded,
    PredictionCall,
    SignatureNeeded,
)
from router.endpoints.codecs.predict_json import PredictJson
from router.endpoints.codecs.signatures import Signatures
from router.evidence.prediction_counters import Outcomes
from router.evidence.row_sample import RowSample
from router.observability.failure_log import FailureLog
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
from router.requests.body import HeldBytes, sent_body
from router.requests.content_encoding import decompress
from router.requests.load_marks import LoadMarks
from router.requests.request_headers import RequestContext, read_headers
from router.requests.thread_pools import DECODE_POOL
from router.requests.unit_source import UnitSource, row_field
from wire.budget import ByteBudget
from wire.fast_path import Respond
from wire.load_mark import HEADER
from wire.oip.signature import TensorSignature

log = logging.getLogger("sluice.predict")


@dataclass(slots=True)
class Exchange:
    """One request on its way. rows: as they were sent. cookie: the unit to set, or empty."""

    context: RequestContext
    codec: Codec
    call: PredictionCall
    respond: Respond
    rows: list[msgspec.Raw]
    unit: bytes = b""
    cookie: bytes = b""


@dataclass(frozen=True)
class LoadTests:
    """What tells the requests of load tests from users', and where their predictions count."""

    marks: LoadMarks
    outcomes: Outcomes


class Predict:
    """The endpoint of one protocol. Belongs to one worker.

    route: its path, for spans. load_tests: their marks, and where their predictions are counted;
    None where no request may bear a mark.
    codec: of bodies whose content type is not in by_type. version_in: the version that a path
    names, None where it names none."""

    def __init__(
        self,
        settings: Settings,
        traffic: Dispatcher,
        outcomes: Outcomes,
        recent: RowSample,
        access: Access,
        leaving: Callable[[], bool],
        budget: ByteBudget | None = None,
        codec: Codec | None = None,
        by_type: Mapping[bytes, Codec] | None = None,
        signatures: Signatures | None = None,
        version_in: Callable[[str], str | None] = lambda _: None,
        route: str = "/predict",
        load_tests: "LoadTests | None" = None,
    ) -> None:
        self.route, self.load_tests = route, load_tests
        self.settings, self.traffic = settings, traffic
        self.outcomes, self.leaving = outcomes, leaving
        self.recent, self.access, self.budget = recent, access, budget
        self.limits = settings.router.limits
        self.units = UnitSource(settings.router.unit)
        self.codec = codec or PredictJson(settings.model, self.limits)
        self.signatures = signatures or Signatures(traffic, VersionPages(settings, traffic))
        self._by_type, self._version_in = by_type or {}, version_in
        self._unit_header = self.units.header
        self._failures = FailureLog()
        self._tasks: set[asyncio.Task[None]] = set()
        self._serial = count()
        self._prefix = os.urandom(6).hex().encode()

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
                self.answer(headers, given.sent, respond, self._version_in(scope["path"]))
                await answered
        except Problem as problem:
            context = self._read_headers(headers)
            self._refuse(respond, context, self._codec(context), problem)

        status, headers, body = await answered
        if self.leaving() or status in (408, 413):
            headers.append((b"connection", b"close"))

        await answer(send, status, headers, body)

    def answer(
        self, headers: Headers, body: bytes, respond: Respond, version: str | None = None
    ) -> None:
        """Answer one request by one call of `respond`. version: the one that its path names."""
        context = self._read_headers(headers)
        if self.traffic.spans is not None:
            respond = self.traffic.spans.request(context, headers, self.route, respond)

        codec = self._codec(context)
        if version is not None:
            _pin(context, version)

        if context.fault is not None:
            self._refuse(respond, context, codec, context.fault)
        elif context.encoding or len(body) > codec.inline_bytes:
            self._start(
                self._read_apart(context, codec, headers, body, respond), respond, context, codec
            )
        else:
            self._read(context, codec, headers, body, respond)

    def _codec(self, context: RequestContext) -> Codec:
        given = context.content_type
        if not self._by_type or not given:
            return self.codec

        return self._by_type.get(given.partition(b";")[0].strip().lower(), self.codec)

    def _read(
        self,
        context: RequestContext,
        codec: Codec,
        headers: Headers,
        body: bytes,
        respond: Respond,
    ) -> None:
        """Read a small body and send its rows. Raises nothing."""
        try:
            self._require_access(context, headers)
            known = self._known(context, codec)
            call = codec.read(context, body, known)
            if call.by_position and not known:
                raise SignatureNeeded

            self._send(context, codec, call, respond, len(body))
        except SignatureNeeded:
            arrived = asyncio.get_running_loop().time()
            work = self._read_when_known(context, codec, body, respond, arrived)
            self._start(work, respond, context, codec)
        except Problem as problem:
            self._refuse(respond, context, codec, problem)
        except Exception:
            log.exception("a request could not be answered")
            self._refuse(respond, context, codec, failed())

    async def _read_apart(
        self,
        context: RequestContext,
        codec: Codec,
        headers: Headers,
        body: bytes,
        respond: Respond,
    ) -> None:
        """Decompress and read a body in threads, then send its rows. Raises Problem."""
        loop = asyncio.get_running_loop()
        arrived = loop.time()
        self._require_access(context, headers)
        if context.encoding:
            body = await decompress(body, context.encoding, self.limits.max_body_bytes)
            respond = self._releasing(len(body), respond)

        try:
            await self._read_in_thread(context, codec, body, respond, arrived)
        except SignatureNeeded:
            await self._read_when_known(context, codec, body, respond, arrived)
        except Problem as problem:
            # Not by the caller, whose `respond` does not release the decompressed body.
            self._refuse(respond, context, codec, problem)

    async def _read_in_thread(
        self,
        context: RequestContext,
        codec: Codec,
        body: bytes,
        respond: Respond,
        arrived: float,
    ) -> None:
        """Read a body in a thread, then send its rows. Raises Problem, SignatureNeeded."""
        known = self._known(context, codec)
        call = await codec.read_apart(context, body, known)
        if call.by_position and not known:
            await self._make_rows(context, call)

        context.waited_s = asyncio.get_running_loop().time() - arrived
        self._send(context, codec, call, respond, len(body))

    async def _make_rows(self, context: RequestContext, call: PredictionCall) -> None:
        """Make the rows for the versions that have told their columns, not all of which have.

        Raises SignatureNeeded where they were not asked yet."""
        if not context.asked_signatures:
            raise SignatureNeeded

        for version in self.signatures.drawn(context.pin):
            if signature := self.signatures.of(version):
                await DECODE_POOL.run(call.rows, signature)

    async def _read_when_known(
        self,
        context: RequestContext,
        codec: Codec,
        body: bytes,
        respond: Respond,
        arrived: float,
    ) -> None:
        """Ask the versions for their columns first. Raises nothing but for a fault of its own."""
        context.asked_signatures = True
        await self.signatures.learn(self.signatures.drawn(context.pin))
        try:
            await self._read_in_thread(context, codec, body, respond, arrived)
        except Problem as problem:
            self._refuse(respond, context, codec, problem)

    def _send(
        self,
        context: RequestContext,
        codec: Codec,
        call: PredictionCall,
        respond: Respond,
        body_bytes: int,
    ) -> None:
        """Send the rows of a call to a version. Raises Problem."""
        rows = self._first_rows(context, call)
        codec.require_small(rows, body_bytes)
        unit, cookie, lasting = self._unit_of(context, rows)
        timeout_s = min(self.limits.deadline_ms / 1000, context.timeout_s or 1e9)
        if context.waited_s >= timeout_s:
            raise Problem(504, f"no answer within the deadline of {timeout_s:.3g} s")

        if codec.copies and body_bytes > codec.inline_bytes:
            respond = self._releasing(sum(map(len, rows)), respond)

        try:
            if context.is_load:
                draw = self.traffic.draw_load(unit, context.pin)
            else:
                draw = self.traffic.draw(unit, lasting, context.pin)
        except Problem as problem:
            # Here, since `respond` may release the rows.
            self._refuse(respond, context, codec, problem)
            return

        if call.by_position:
            rows = call.rows(self._signature(draw.version, context))
            call.release()

        exchange = Exchange(context, codec, call, respond, rows, unit, cookie)

        def done(reply: Reply) -> None:
            self._answer(exchange, reply)

        self.traffic.send(
            draw,
            rows,
            context.pin is not None,
            timeout_s - context.waited_s,
            done,
            context.request_id,
            context.span,
        )

    def _first_rows(self, context: RequestContext, call: PredictionCall) -> list[msgspec.Raw]:
        """The rows to find the unit in, and to measure: by position, the released version's.

        Raises Problem 503 where no version tells the order of its columns."""
        if not call.by_position:
            return call.rows(None)

        signature = self._signature("", context)
        if signature is None:
            raise Problem(
                503,
                "no version tells the order of its columns now, and the values have no names: "
                "send one tensor a column, or rows that name their columns",
                retry_after_s=1,
            )

        return call.rows(signature)

    def _signature(self, version: str, context: RequestContext) -> TensorSignature | None:
        """A version's signature, else the released version's, or another one's that may answer."""
        own = self.signatures.of(version)
        return own or self.signatures.any_of(self.signatures.drawn(context.pin))

    def _known(self, context: RequestContext, codec: Codec) -> list[TensorSignature]:
        """The signatures of all versions that may answer, empty where they are not known."""
        if not codec.asks_signatures:
            return []

        return self.signatures.of_drawn(context.pin)

    def _require_access(self, context: RequestContext, headers: Headers) -> None:
        """Raise Problem where the caller may not choose the version that it names, or bears a wrong
        mark.
        """
        if context.load_mark:
            self._require_mark(context.load_mark)
            context.is_load = True

        if context.pin is not None:
            self.access.require_pinning(headers)

    def _require_mark(self, mark: bytes) -> None:
        if self.load_tests is None:
            raise Problem(403, f"no load test may be run here: leave out {HEADER}")

        self.load_tests.marks.require(mark)

    def _start(
        self,
        work: Coroutine[Any, Any, None],
        respond: Respond,
        context: RequestContext,
        codec: Codec,
    ) -> None:
        """Run work that awaits something; whatever it raises is answered."""

        async def run() -> None:
            try:
                await work
            except Problem as problem:
                self._refuse(respond, context, codec, problem)
            except Exception:
                log.exception("a request could not be answered")
                self._refuse(respond, context, codec, failed())

        task = asyncio.get_running_loop().create_task(run())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _releasing(self, size: int, respond: Respond) -> Respond:
        """`respond`, which also releases bytes that count in the worker's budget from now on.

        Raises Problem 503 where there is no room for them."""
        if self.budget is None:
            return respond

        held = HeldBytes(size, self.budget)

        def release_and_respond(status: int, headers: Headers, answer: bytes) -> None:
            held.release()
            respond(status, headers, answer)

        return release_and_respond

    def _answer(self, exchange: Exchange, reply: Reply) -> None:
        """Answer, then keep what was answered. Raises nothing: others share the batch."""
        codec, span = exchange.codec, exchange.context.span
        if span is not None and self.traffic.spans is not None:
            rows, rollout = len(exchange.rows), self.traffic.table.rollout_id
            self.traffic.spans.answered(span, reply.version, rollout, rows, reply.fallback_from)

        signature = self.signatures.of(reply.version) if codec.asks_signatures else None
        if codec.asks_signatures and signature is None and reply.predicted is not None:
            work = self._answer_when_known(exchange, reply)
            self._start(work, exchange.respond, exchange.context, codec)
            return

        self._answer_as(exchange, reply, signature)

    async def _answer_when_known(self, exchange: Exchange, reply: Reply) -> None:
        """Ask the version that has answered for its outputs first."""
        await self.signatures.learn([reply.version])
        self._answer_as(exchange, reply, self.signatures.of(reply.version))

    def _answer_as(
        self, exchange: Exchange, reply: Reply, signature: TensorSignature | None
    ) -> None:
        """Answer in the protocol of the request. Raises nothing."""
        context, codec = exchange.context, exchange.codec
        try:
            predicted = _usable(exchange, reply, signature)
            prediction_id = self._counted(exchange, reply, predicted)
            answered = AnsweredCall(
                exchange.call, reply.version, predicted, prediction_id, signature
            )
            if len(exchange.rows) > codec.inline_rows:
                work = self._answer_apart(exchange, reply, answered)
                self._start(work, exchange.respond, context, codec)
                return

            encoded = codec.answer(answered)
        except Problem as problem:
            self._refuse(exchange.respond, context, codec, problem)
        except Exception:
            log.exception("an answer of %s could not be sent", reply.version)
            self._refuse(exchange.respond, context, codec, failed())
        else:
            self._respond(exchange, reply, answered, encoded)

    async def _answer_apart(self, exchange: Exchange, reply: Reply, answered: AnsweredCall) -> None:
        """Make the answer of many rows in a thread. Raises Problem."""
        encoded = await DECODE_POOL.run(exchange.codec.answer, answered)
        self._respond(exchange, reply, answered, encoded)

    def _counted(self, exchange: Exchange, reply: Reply, predicted: Predicted) -> bytes:
        """Count the predictions; returns their id."""
        own = reply.fallback_from is None
        pair = _labelled_pair(reply)
        prediction_id = self._outcomes(exchange.context).note(
            reply.version, predicted, reply.draw, own, exchange.unit, pair is not None
        )
        if pair is not None:
            pair.named(prediction_id)

        return prediction_id

    def _respond(
        self, exchange: Exchange, reply: Reply, answered: AnsweredCall, encoded: Encoded
    ) -> None:
        content, body = encoded
        headers = [*content, *self._headers(exchange, reply, answered.prediction_id)]
        exchange.respond(200, headers, body)
        if reply.fallback_from is not None:
            request_id, rollout = exchange.context.request_id, self.traffic.table.rollout_id
            self._failures.fell_back(request_id, reply.fallback_from, reply.version, rollout)

        if exchange.context.pin or exchange.context.is_load:
            return

        try:
            self._remember(exchange.rows, answered.predicted, reply, answered.prediction_id)
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

    def _headers(self, exchange: Exchange, reply: Reply, prediction_id: bytes) -> Headers:
        headers = [
            (b"x-model-version", reply.version.encode()),
            (b"x-request-id", exchange.context.request_id),
            (b"x-prediction-id", prediction_id),
        ]
        if reply.fallback_from is not None:
            headers.append((b"x-fallback-from", reply.fallback_from.encode()))

        if exchange.cookie:
            headers.append((b"set-cookie", self.units.set_cookie_header(exchange.cookie)))

        return headers

    def _outcomes(self, context: RequestContext) -> Outcomes:
        if context.is_load and self.load_tests is not None:
            return self.load_tests.outcomes
        return self.outcomes

    def _refuse(
        self, respond: Respond, context: RequestContext, codec: Codec, problem: Problem
    ) -> None:
        self._outcomes(context).refused(problem.status)
        if problem.status >= 500:
            version, reason = problem.extra.get("version", ""), problem.extra.get("reason", "")
            rollout = self.traffic.table.rollout_id
            trace_id = context.span.trace_id if context.span is not None else ""
            self._failures.refused(
                context.request_id, problem.status, version, rollout, reason, trace_id
            )

        headers, body = codec.refusal(problem)
        respond(problem.status, [*headers, (b"x-request-id", context.request_id)], body)


def _pin(context: RequestContext, version: str) -> None:
    """Pin a request to the version that its path names."""
    if context.pin not in (None, version):
        context.fault = context.fault or Problem(
            400, "the path and X-Model-Version name different versions: leave out one of them"
        )

    context.pin = version


def _usable(exchange: Exchange, reply: Reply, signature: TensorSignature | None) -> Predicted:
    """The predictions; raises Problem if there is no answer, or a bad row."""
    if reply.predicted is None:
        raise _no_answer(reply)

    if reply.predicted.errors:
        raise exchange.codec.bad_rows(exchange.call, reply.version, reply.predicted, signature)

    return reply.predicted


def _labelled_pair(reply: Reply) -> PairedRequest | None:
    """The pair in which the label of this answer speaks of both versions'; None where it bets by
    the draw.
    """
    pair = reply.pair
    if pair is None or reply.fallback_from is not None or not pair.takes_label:
        return None
    return pair


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
