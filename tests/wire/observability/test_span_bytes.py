"""Spans encoded by hand are what OpenTelemetry's own encoder makes of them."""

from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.proto.trace.v1.trace_pb2 import ScopeSpans, Span
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import Link, SpanContext, SpanKind, Status, StatusCode, TraceFlags
from opentelemetry.trace.span import TraceState

from wire.observability.span_bytes import span_field
from wire.observability.traces import CLIENT, SERVER, OpenSpan

KINDS = {SERVER: SpanKind.SERVER, CLIENT: SpanKind.CLIENT}
TEXT = st.text(st.characters(codec="utf-8"), max_size=300)


@st.composite
def contexts(draw) -> SpanContext:
    """A span's context, of this process or of another."""
    state = TraceState([("vendor", "abc"), ("a", "b=c")] if draw(st.booleans()) else None)
    ids = draw(st.integers(1, 2**128 - 1)), draw(st.integers(1, 2**64 - 1))
    return SpanContext(*ids, draw(st.booleans()), TraceFlags(1), state)


@st.composite
def ended_spans(draw) -> OpenSpan:
    """A span that has ended."""
    attributes = draw(st.dictionaries(TEXT, TEXT | st.integers(-(2**63), 2**63 - 1), max_size=8))
    parent = draw(st.none() | contexts())
    span = OpenSpan(draw(TEXT), draw(st.sampled_from(list(KINDS))), draw(contexts()), parent, {})
    span.attributes, span.links = attributes, draw(st.lists(contexts(), max_size=3))
    span.began, span.ended = draw(st.integers(0, 2**63)), draw(st.integers(0, 2**63))
    span.failed = draw(st.booleans())
    return span


def by_the_standard_encoder(span: OpenSpan) -> Span:
    """The same span, as OpenTelemetry's exporter sends it."""
    readable = ReadableSpan(
        span.name,
        span.context,
        span.parent,
        attributes=span.attributes,
        links=[Link(context) for context in span.links],
        kind=KINDS[span.kind],
        status=Status(StatusCode.ERROR if span.failed else StatusCode.UNSET),
        start_time=span.began,
        end_time=span.ended,
    )
    (encoded,) = encode_spans([readable]).resource_spans[0].scope_spans[0].spans
    if not span.failed:
        encoded.ClearField("status")

    return encoded


@settings(max_examples=40)
@given(st.lists(ended_spans(), max_size=4))
def test_they_are_what_the_standard_encoder_makes(spans) -> None:
    encoded = ScopeSpans.FromString(b"".join(map(span_field, spans)))
    assert list(encoded.spans) == list(map(by_the_standard_encoder, spans))
