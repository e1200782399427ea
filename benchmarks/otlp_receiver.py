"""A collector of spans: OTLP over HTTP, decoded by OpenTelemetry's own protocol definitions.

`python -m benchmarks.otlp_receiver [--show]` prints its address, and, once it has read a line, how
many spans came, with --show also each of them. Tests start it in their own process."""

import gzip
import sys
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)


@dataclass(frozen=True)
class ReceivedSpan:
    """One span, with the attributes of its resource."""

    service: str
    name: str
    kind: int
    trace_id: str
    span_id: str
    parent: str
    state: str
    links: tuple[str, ...]
    failed: bool
    seconds: float
    attributes: dict[str, object]
    resource: dict[str, object]


class OtlpReceiver:
    """Keeps what it gets, and decodes it when it is asked for. headers: of the last request."""

    def __init__(self) -> None:
        self._bodies: deque[bytes] = deque()
        self._spans: list[ReceivedSpan] = []
        self.headers: dict[str, str] = {}
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            """POST /v1/traces."""

            def do_POST(self) -> None:
                """http.server: one request."""
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if self.headers.get("Content-Encoding") == "gzip":
                    body = gzip.decompress(body)

                assert self.path == "/v1/traces"
                receiver.headers = dict(self.headers)
                receiver._bodies.append(body)
                answer = ExportTraceServiceResponse().SerializeToString()
                self.send_response(200)
                self.send_header("Content-Type", "application/x-protobuf")
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_: object) -> None:
                """http.server: say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    @property
    def spans(self) -> list[ReceivedSpan]:
        """All that came so far."""
        while self._bodies:
            request = ExportTraceServiceRequest.FromString(self._bodies.popleft())
            self._spans += _spans(request)

        return self._spans

    def of_trace(self, trace_id: str) -> list[ReceivedSpan]:
        """The spans of one trace."""
        return [span for span in self.spans if span.trace_id == trace_id]

    def end(self) -> None:
        """Stop."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(60)


@contextmanager
def otlp_receiver() -> Iterator[OtlpReceiver]:
    """A receiver that is stopped afterwards."""
    made = OtlpReceiver()
    try:
        yield made
    finally:
        made.end()


def _spans(request: ExportTraceServiceRequest) -> Iterator[ReceivedSpan]:
    for of_resource in request.resource_spans:
        resource = _plain(of_resource.resource.attributes)
        for scope in of_resource.scope_spans:
            for span in scope.spans:
                yield ReceivedSpan(
                    str(resource.get("service.name")),
                    span.name,
                    span.kind,
                    span.trace_id.hex(),
                    span.span_id.hex(),
                    span.parent_span_id.hex(),
                    span.trace_state,
                    tuple(link.span_id.hex() for link in span.links),
                    span.status.code == 2,
                    (span.end_time_unix_nano - span.start_time_unix_nano) / 1e9,
                    _plain(span.attributes),
                    resource,
                )


def _line(span: ReceivedSpan) -> str:
    named = f"{span.service:<15} {span.name:<14} {1000 * span.seconds:6.2f} ms"
    return f"{named}  {span.span_id} in {span.parent or '-':<16}  {span.attributes}"


def _plain(attributes) -> dict[str, object]:
    return {one.key: getattr(one.value, one.value.WhichOneof("value")) for one in attributes}


def main() -> int:
    """Receive until a line is read."""
    with otlp_receiver() as receiver:
        print(receiver.url, flush=True)
        sys.stdin.readline()
        for span in receiver.spans if "--show" in sys.argv else ():
            print(_line(span))

        print(len(receiver.spans))

    return 0


if __name__ == "__main__":
    sys.exit(main())
