"""Sends spans as OpenTelemetry's exporter does, with its variables, and encodes them by hand.

Importing it imports OpenTelemetry's packages, which are optional."""

from collections.abc import Sequence
from typing import Any

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, InstrumentationScope, KeyValue
from opentelemetry.proto.resource.v1.resource_pb2 import Resource as ResourceMessage
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace.export import SpanExportResult

from wire.observability.span_bytes import EndedSpan, field, span_field

_RESOURCE_SPANS, _SCOPE_SPANS = 1, 2


class OtlpExporter(OTLPSpanExporter):
    """The exporter of one process's spans. resource: its attributes beside OpenTelemetry's own.

    Raises ImportError where the package is of a version that sends in another way."""

    def __init__(self, url: str, timeout_s: float, resource: dict[str, str]) -> None:
        super().__init__(url, timeout=timeout_s)
        if not hasattr(self, "_client"):
            raise ImportError(name="opentelemetry-exporter-otlp-proto-http>=1.45")

        attributes = [_attribute(*item) for item in Resource.create(resource).attributes.items()]
        of_resource = ResourceSpans(resource=ResourceMessage(attributes=attributes))
        self._resource = of_resource.SerializeToString()
        self._scope = ScopeSpans(scope=InstrumentationScope(name="sluice")).SerializeToString()

    def export(self, spans: Sequence[EndedSpan]) -> SpanExportResult:  # type: ignore[override]
        """Send the spans; called in the thread of the SDK's batch processor."""
        of_scope = self._scope + b"".join(map(span_field, spans))
        body = field(_RESOURCE_SPANS, self._resource + field(_SCOPE_SPANS, of_scope))
        if self._client.export(body).success:
            return SpanExportResult.SUCCESS
        return SpanExportResult.FAILURE


def _attribute(key: str, value: Any) -> KeyValue:
    return KeyValue(key=key, value=AnyValue(string_value=str(value)))
