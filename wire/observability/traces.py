"""OpenTelemetry's spans, written by hand for a few requests, and sent by OTLP over HTTP.

Nobody imports OpenTelemetry unless an endpoint is set: its packages are optional. `start` is called
in a worker after the fork, because its exporter has a thread. Whether a request has spans is
decided before any object is made: by the caller's `traceparent` (W3C), else by chance."""

import asyncio
import gc
import logging
import math
import random
import re
import time
from collections.abc import Sequence
from threading import Thread
from typing import Any

from wire.fast_path import Headers, Respond

log = logging.getLogger("sluice.traces")
PACKAGES = "opentelemetry-sdk opentelemetry-exporter-otlp-proto-http"
MOST_BY_CALLERS_PER_S = 100
"""Anybody may send a `traceparent` that asks for spans: of more requests a second than this, a
process makes none."""
EXPORT_TIMEOUT_S = 5.0
LAST_SPANS_S = 2.0
SERVER, CLIENT = 2, 3
"""OTLP's kinds of spans."""
LONGEST_STATE = 512
"""Characters of a `tracestate` that are passed on, as W3C asks for at least: a longer one is left
out. It is sent to the versions with other callers' rows, and each of its members costs time."""
# The usual form, and all that a router sends to its versions.
PLAIN = re.compile(rb"00-([0-9a-f]{32})-([0-9a-f]{16})-(00|01)")


def start(
    endpoint: str, service: str, ratio: float = 0.0, version: str = "", model: str = ""
) -> "Traces | None":
    """The spans of this process; None without an endpoint, or without the packages, which is
    logged.

    service: the resource's service.name. ratio: of requests without a `traceparent`."""
    if not endpoint:
        return None

    resource = {"service.name": service, "service.version": version, "sluice.model": model}
    try:
        made = Traces(endpoint, {name: text for name, text in resource.items() if text}, ratio)
    except ImportError as error:
        log.warning(
            "traces.endpoint is set, and %s is missing, so there are no spans: "
            "`pip install %s`, or empty traces.endpoint",
            error.name,
            PACKAGES,
        )
        return None

    # What was imported stays, as what was before the fork: no garbage collection looks at it.
    gc.collect()
    gc.freeze()
    return made


class Chance:
    """Hits one in so many by chance. Between two hits a call only counts down."""

    def __init__(self, ratio: float) -> None:
        self._rate = math.inf if ratio >= 1 else -math.log1p(-ratio)
        self._left = self._gap()

    def hits(self) -> bool:
        """Whether this one is hit, whatever became of those before it."""
        self._left -= 1
        if self._left > 0:
            return False

        self._left = self._gap()
        return True

    def _gap(self) -> float:
        """How many calls the next hit is away: the geometric distribution."""
        if self._rate == 0:
            return math.inf

        return 1 + int(random.expovariate(self._rate))


class OpenSpan:
    """A span in progress: a quarter of the work of the SDK's own, which is made for many threads.

    kind: OTLP's number. context, parent: of OpenTelemetry's API. links: contexts. began, ended:
    epoch nanoseconds."""

    __slots__ = (
        *("attributes", "began", "context", "ended", "failed"),
        *("kind", "links", "name", "parent"),
    )

    def __init__(
        self, name: str, kind: int, context: Any, parent: Any, attributes: dict[str, Any]
    ) -> None:
        self.name, self.kind, self.context, self.parent = name, kind, context, parent
        self.attributes = attributes
        self.links: Sequence[Any] = ()
        self.began, self.ended, self.failed = time.time_ns(), 0, False

    @property
    def trace_id(self) -> str:
        """In hex, as collectors show it."""
        return f"{self.context.trace_id:032x}"


class Traces:
    """The spans of one process. Raises ImportError without OpenTelemetry's packages."""

    def __init__(self, endpoint: str, resource: dict[str, str], ratio: float) -> None:
        from opentelemetry import trace
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        from wire.observability.otlp_exporter import OtlpExporter

        url = f"{endpoint.rstrip('/')}/v1/traces"
        self._processor = BatchSpanProcessor(OtlpExporter(url, EXPORT_TIMEOUT_S, resource))
        self._api, self._propagator = trace, TraceContextTextMapPropagator()
        self._sampled = trace.TraceFlags(1)
        self._chance, self._bits = Chance(ratio), random.getrandbits
        self._second, self._by_callers = 0, 0

    def begin(self, name: str, headers: Headers) -> OpenSpan | None:
        """The server span of a request; None for most of them."""
        for key, _ in headers:
            if key == b"traceparent":
                parent = self._parent(headers)
                if parent is not None:
                    return self._child_of_caller(name, parent)
                break

        return self.begin_by_chance(name)

    def begin_by_chance(self, name: str) -> OpenSpan | None:
        """The same of a request without a parent, or with one that is no `traceparent`."""
        if self._chance.hits():
            return self._span(name, SERVER, None, {})
        return None

    def answering(self, span: OpenSpan, respond: Respond) -> Respond:
        """`respond`, which also ends the span of the request."""

        def respond_and_end(status: int, headers: Headers, body: bytes) -> None:
            span.attributes["http.response.status_code"] = status
            self._end(span, status >= 500)
            respond(status, headers, body)

        return respond_and_end

    def call(self, name: str, parents: Sequence[OpenSpan], attributes: dict[str, Any]) -> OpenSpan:
        """The client span of a call made for several requests: a child of the first one's span,
        with links to the others.
        """
        span = self._span(name, CLIENT, parents[0].context, attributes)
        span.links = [other.context for other in parents[1:]]
        return span

    def headers_of(self, span: OpenSpan) -> bytes:
        """The lines of a request's head that make the receiver's spans children of this one."""
        context = span.context
        lines = f"traceparent: 00-{context.trace_id:032x}-{context.span_id:016x}-01\r\n"
        if context.trace_state:
            lines += f"tracestate: {context.trace_state.to_header()}\r\n"

        return lines.encode()

    def end_call(self, span: OpenSpan, failure: str) -> None:
        """End a client span. failure: a word; empty where the call was answered."""
        if failure:
            span.attributes["error.type"] = failure

        self._end(span, bool(failure))

    async def close(self) -> None:
        """Send what is left, for LAST_SPANS_S at most: a collector that is away delays no
        restart.
        """
        sending = Thread(target=self._processor.shutdown, daemon=True)
        sending.start()
        give_up = time.monotonic() + LAST_SPANS_S
        while sending.is_alive() and time.monotonic() < give_up:
            await asyncio.sleep(0.01)

    def _span(self, name: str, kind: int, parent: Any, attributes: dict[str, Any]) -> OpenSpan:
        trace_id, state = self._bits(128), None
        if parent is not None:
            trace_id, state = parent.trace_id, parent.trace_state

        context = self._api.SpanContext(trace_id, self._bits(64), False, self._sampled, state)
        return OpenSpan(name, kind, context, parent, attributes)

    def _end(self, span: OpenSpan, failed: bool) -> None:
        span.ended, span.failed = time.time_ns(), failed
        self._processor.on_end(span)  # type: ignore[arg-type]

    def _parent(self, headers: Headers) -> Any:
        """The context of a caller's span; None where the header is none of W3C's."""
        sent = [value for key, value in headers if key == b"traceparent"]
        if len(sent) != 1:
            return None

        state = b",".join(value for key, value in headers if key == b"tracestate")
        plain, is_full = PLAIN.fullmatch(sent[0]), self._is_full()
        if plain is None and is_full:
            return None
        # What no span is made of is not read.
        if len(state) > LONGEST_STATE or is_full or (plain is not None and plain[3] == b"00"):
            state = b""

        if plain is not None and not state:
            trace_id, span_id, flags = (int(part, 16) for part in plain.groups())
            parent = self._api.SpanContext(trace_id, span_id, True, self._api.TraceFlags(flags))
        else:
            carrier = {
                "traceparent": sent[0].decode("latin-1"),
                "tracestate": state.decode("latin-1"),
            }
            context = self._propagator.extract(carrier)
            parent = self._api.get_current_span(context).get_span_context()

        return parent if parent.is_valid else None

    def _child_of_caller(self, name: str, parent: Any) -> OpenSpan | None:
        if not parent.trace_flags.sampled or not self._has_room():
            return None
        return self._span(name, SERVER, parent, {})

    def _is_full(self) -> bool:
        """Whether callers' traces have had all the spans of this second."""
        return self._by_callers >= MOST_BY_CALLERS_PER_S and self._second == int(time.monotonic())

    def _has_room(self) -> bool:
        second = int(time.monotonic())
        if second != self._second:
            self._second, self._by_callers = second, 0

        self._by_callers += 1
        return self._by_callers <= MOST_BY_CALLERS_PER_S
