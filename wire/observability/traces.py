"""OpenTelemetry's spans, written by hand for a few requests, and sent by OTLP over HTTP.

Nobody imports OpenTelemetry unless an endpoint is set: its packages are optional. `start` is called
in a worker after the fork, because its exporter has a thread. Whether a request has spans is
decided before any object is made: by the caller's `traceparent` (W3C), else by chance."""

import asyncio
import logging
import random
import time
from collections.abc import Iterable
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
        return Traces(endpoint, {name: text for name, text in resource.items() if text}, ratio)
    except ImportError as error:
        log.warning(
            "traces.endpoint is set, and %s is missing, so there are no spans: "
            "`pip install %s`, or empty traces.endpoint",
            error.name,
            PACKAGES,
        )
        return None


class Traces:
    """The spans of one process. Raises ImportError without OpenTelemetry's packages."""

    def __init__(self, endpoint: str, resource: dict[str, str], ratio: float) -> None:
        from opentelemetry import trace
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
        from opentelemetry.sdk.trace.sampling import ALWAYS_ON
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        exporter = OTLPSpanExporter(f"{endpoint.rstrip('/')}/v1/traces", timeout=EXPORT_TIMEOUT_S)
        # What has no spans is decided in `begin`, before the library is asked.
        self._provider = TracerProvider(
            sampler=ALWAYS_ON, resource=Resource.create(resource), shutdown_on_exit=False
        )
        self._provider.add_span_processor(BatchSpanProcessor(exporter))
        self._tracer = self._provider.get_tracer("sluice")
        self._api, self._propagator = trace, TraceContextTextMapPropagator()
        self._ratio, self._random = ratio, random.random
        self._second, self._by_callers = 0, 0

    def begin(self, name: str, headers: Headers) -> Any:
        """The server span of a request; None for most of them."""
        sent = [value for key, value in headers if key == b"traceparent"]
        if len(sent) == 1:
            parent = self._parent(sent[0], headers)
            if parent is not None:
                return self._child_of_caller(name, parent)

        # Without a parent, or with one that is no `traceparent`, a trace begins here.
        if self._random() >= self._ratio:
            return None
        return self._tracer.start_span(name, kind=self._api.SpanKind.SERVER)

    def answering(self, span: Any, respond: Respond) -> Respond:
        """`respond`, which also ends the span of the request."""

        def respond_and_end(status: int, headers: Headers, body: bytes) -> None:
            span.set_attribute("http.response.status_code", status)
            if status >= 500:
                span.set_status(self._api.StatusCode.ERROR)

            span.end()
            respond(status, headers, body)

        return respond_and_end

    def call(self, name: str, parents: Iterable[Any], attributes: dict[str, Any]) -> Any:
        """The client span of a call made for several requests: a child of the first one's span,
        with links to the others.
        """
        first, *others = parents
        return self._tracer.start_span(
            name,
            context=self._api.set_span_in_context(first),
            kind=self._api.SpanKind.CLIENT,
            attributes=attributes,
            links=[self._api.Link(span.get_span_context()) for span in others],
        )

    def headers_of(self, span: Any) -> bytes:
        """The lines of a request's head that make the receiver's spans children of this one."""
        carrier: dict[str, str] = {}
        self._propagator.inject(carrier, self._api.set_span_in_context(span))
        return b"".join(f"{name}: {value}\r\n".encode() for name, value in carrier.items())

    def end_call(self, span: Any, failure: str) -> None:
        """End a client span. failure: a word; empty where the call was answered."""
        if failure:
            span.set_attribute("error.type", failure)
            span.set_status(self._api.StatusCode.ERROR)

        span.end()

    async def close(self) -> None:
        """Send what is left, for LAST_SPANS_S at most: a collector that is away delays no
        restart.
        """
        sending = Thread(target=self._provider.shutdown, daemon=True)
        sending.start()
        give_up = time.monotonic() + LAST_SPANS_S
        while sending.is_alive() and time.monotonic() < give_up:
            await asyncio.sleep(0.01)

    def _parent(self, sent: bytes, headers: Headers) -> Any:
        """The context of a caller's span; None where the header is none of W3C's."""
        state = b",".join(value for key, value in headers if key == b"tracestate")
        carrier = {"traceparent": sent.decode("latin-1"), "tracestate": state.decode("latin-1")}
        context = self._propagator.extract(carrier)
        if self._api.get_current_span(context).get_span_context().is_valid:
            return context
        return None

    def _child_of_caller(self, name: str, parent: Any) -> Any:
        flags = self._api.get_current_span(parent).get_span_context().trace_flags
        if not flags.sampled or not self._has_room():
            return None
        return self._tracer.start_span(name, context=parent, kind=self._api.SpanKind.SERVER)

    def _has_room(self) -> bool:
        second = int(time.monotonic())
        if second != self._second:
            self._second, self._by_callers = second, 0

        self._by_callers += 1
        return self._by_callers <= MOST_BY_CALLERS_PER_S


def trace_id_of(span: Any) -> str:
    """The id of a span's trace, in hex; empty for None."""
    if span is None:
        return ""
    return f"{span.get_span_context().trace_id:032x}"
