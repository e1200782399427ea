"""The spans of the router: one for a request, and one for each batch with rows of such a request.

A request without one costs a comparison with None. A version's own span is a child of the batch's:
it gets a `traceparent`."""

from collections.abc import Sequence
from typing import Any

from router.dispatch.upstream import Callback, Failure
from router.dispatch.work_items import Pending
from router.requests.request_headers import RequestContext
from wire.fast_path import Headers, Respond
from wire.observability.traces import OpenSpan, Traces


class RequestSpans:
    """The spans of one worker."""

    def __init__(self, traces: Traces) -> None:
        self.traces = traces

    def request(
        self, context: RequestContext, headers: Headers, route: str, respond: Respond
    ) -> Respond:
        """Begin the span of a request that has one; returns the `respond` that ends it."""
        if context.has_parent:
            span = self.traces.begin(route, headers)
        else:
            span = self.traces.begin_by_chance(route)

        if span is None:
            return respond

        context.span, span.name = span, f"POST {route}"
        span.attributes = {
            "http.request.method": "POST",
            "http.route": route,
            "sluice.request_id": context.request_id.decode("latin-1"),
        }
        return self.traces.answering(span, respond)

    def answered(
        self, span: OpenSpan, version: str, rollout: str, rows: int, fallback_from: str | None
    ) -> None:
        """Say who answered. rollout: empty without one."""
        span.attributes |= {"sluice.version": version, "sluice.rows": rows}
        if rollout:
            span.attributes["sluice.rollout"] = rollout
        if fallback_from is not None:
            span.attributes["sluice.fallback_from"] = fallback_from

    def batch(
        self, version: str, batch: Sequence[Pending], done: Callback
    ) -> tuple[bytes, Callback]:
        """Begin the span of a batch with rows of such requests.

        Returns the headers to send with it, and the callback that ends it."""
        parents = [pending.span for pending in batch if pending.span is not None]
        if not parents:
            return b"", done

        rows = sum(len(pending.rows) for pending in batch)
        attributes = {
            "sluice.version": version,
            "sluice.rows": rows,
            "sluice.requests": len(batch),
        }
        span = self.traces.call(f"batch to {version}", parents, attributes)

        def done_and_end(outcome: Any) -> None:
            self.traces.end_call(span, _failure(outcome))
            done(outcome)

        return self.traces.headers_of(span), done_and_end


def _failure(outcome: Any) -> str:
    """Why a batch failed; empty where it was answered."""
    if isinstance(outcome, Failure):
        return outcome.reason
    if outcome.status != 200:
        return str(outcome.status)
    return ""
