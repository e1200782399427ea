"""Spans of requests and batches, as a collector gets them from running routers."""

import re
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path

import httpx
import pytest
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from benchmarks.otlp_receiver import otlp_receiver
from tests.router.router_harness import router_harness
from tests.until import until
from wire.observability.traces import Traces

SERVER, CLIENT = 2, 3
TRACE = "4bf92f3577b34da6a3ce929d0e0e47{:02x}"
CALLER = "00f067aa0ba902b7"
LATER = count(0x10)
SAMPLED = f"00-{{}}-{CALLER}-01"


@pytest.fixture(scope="module")
def collector():
    """A collector of spans."""
    with otlp_receiver() as made:
        yield made


@pytest.fixture(scope="module")
def traced(tmp_path_factory, collector):
    """A router of two workers, v1 released, that makes spans for callers alone."""
    settings = '[router]\nworkers = 2\n[logs]\nformat = "json"\n'
    settings += f'[traces]\nendpoint = "{collector.url}"\nratio = 0\n'
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OTEL_BSP_SCHEDULE_DELAY", "50")
        patch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "x-collector-token=hush")
        folder = tmp_path_factory.mktemp("traced")
        with router_harness(folder, settings=settings, workers=2) as made:
            made.know(made.version("v1", "[0,1]"), made.version("v2", "[0,1]"))
            made.split({"v1": 10_000})
            made.router()
            yield made


def spans_of(collector, trace_id: str, count: int):
    """The spans of a trace, once so many of them have come; the caller's child first."""
    until(lambda: len(collector.of_trace(trace_id)) >= count, f"{count} spans of {trace_id}")
    return sorted(collector.of_trace(trace_id), key=lambda span: span.kind)


def test_a_caller_that_samples_gets_a_span_of_its_request_and_of_the_batch(
    traced, collector
) -> None:
    trace = TRACE.format(1)
    headers = {"traceparent": SAMPLED.format(trace), "X-Request-Id": "of-a-caller"}
    assert traced.predict({"x": 1}, {"x": 2}, **headers).status_code == 200
    request, batch = spans_of(collector, trace, 2)
    assert (request.service, request.name, request.kind) == ("sluice-router", "POST /predict", 2)
    assert (request.parent, request.failed) == (CALLER, False)
    assert request.attributes == {
        "http.request.method": "POST",
        "http.route": "/predict",
        "http.response.status_code": 200,
        "sluice.request_id": "of-a-caller",
        "sluice.version": "v1",
        "sluice.rows": 2,
    }
    assert request.resource["sluice.model"] == "toy"
    assert (batch.name, batch.kind, batch.parent) == ("batch to v1", CLIENT, request.span_id)
    assert batch.attributes == {"sluice.version": "v1", "sluice.rows": 2, "sluice.requests": 1}
    assert 0 < batch.seconds < request.seconds
    assert collector.headers["x-collector-token"] == "hush"


@pytest.mark.parametrize("path", ["/invocations", "/v2/models/toy/infer"])
def test_every_way_in_has_spans(path, traced, collector) -> None:
    trace = TRACE.format(2 if path == "/invocations" else 3)
    tensors = {"inputs": [{"name": "x", "shape": [1], "datatype": "FP64", "data": [1.0]}]}
    body = {"dataframe_records": [{"x": 1.0}]} if path == "/invocations" else tensors
    headers = {"traceparent": SAMPLED.format(trace)}
    answer = httpx.post(f"{traced.url}{path}", json=body, headers=headers, timeout=120)
    assert answer.status_code == 200, answer.text
    request, _ = spans_of(collector, trace, 2)
    assert request.name == f"POST {path}"


def test_a_failure_is_one_in_the_spans_and_the_log_names_the_trace(traced, collector) -> None:
    trace = TRACE.format(4)
    answer = traced.predict({"status": 500}, traceparent=SAMPLED.format(trace))
    assert answer.status_code == 503
    request, batch = spans_of(collector, trace, 2)
    assert (request.failed, batch.failed) == (True, True)
    assert request.attributes["http.response.status_code"] == 503
    assert batch.attributes["error.type"] == "500"
    until(lambda: f'"trace_id":"{trace}"' in traced.log("router"), "the log names the trace")


@pytest.mark.parametrize(
    "traceparent",
    [
        f"00-{TRACE.format(9)}-{CALLER}-00",
        f"00-{TRACE.format(9)}-{CALLER}",
        "00-" + "0" * 32 + f"-{CALLER}-01",
        f"ff-{TRACE.format(9)}-{CALLER}-01",
        "",
        "x" * 4_000,
    ],
)
def test_who_does_not_sample_or_sends_no_traceparent_of_w3c_has_no_spans(
    traceparent, traced, collector
) -> None:
    before = len(collector.spans)
    assert traced.predict({"x": 1}, traceparent=traceparent).status_code == 200
    # Spans are sent in order: one that comes later shows that there was none.
    trace = TRACE.format(next(LATER))
    traced.predict({"x": 1}, traceparent=SAMPLED.format(trace))
    spans_of(collector, trace, 2)
    others = [span for span in collector.spans[before:] if span.trace_id != trace]
    assert others == []


def test_a_batch_of_several_such_requests_links_to_all_of_them(traced, collector) -> None:
    traces = [TRACE.format(0xE0 + number) for number in range(12)]

    def ask(trace: str) -> int:
        # While the slow one is answered, the others gather for the next batch.
        row = {"x": 1, "slow_s": 0.3} if trace == traces[0] else {"x": 1}
        return traced.predict(row, traceparent=SAMPLED.format(trace)).status_code

    with ThreadPoolExecutor(12) as threads:
        assert set(threads.map(ask, traces)) == {200}

    def all_known() -> bool:
        requests = [s for s in collector.spans if s.trace_id in traces and s.kind == SERVER]
        batches = [s for s in collector.spans if s.trace_id in traces and s.kind == CLIENT]
        covered = {b.parent for b in batches} | {link for b in batches for link in b.links}
        return len(requests) == 12 and {r.span_id for r in requests} == covered

    until(all_known, "each request's span is a parent of a batch's or linked by one")


def test_a_caller_cannot_make_more_than_so_many_a_second(traced, collector) -> None:
    traces = Traces(collector.url, {"service.name": "bounded"}, 0.0)
    headers = [(b"traceparent", SAMPLED.format(TRACE.format(8)).encode())]
    begun = [traces.begin("POST /predict", headers) for _ in range(5_000)]
    # The second may have turned while these were made.
    assert 100 <= sum(span is not None for span in begun) <= 300


def test_no_more_of_a_tracestate_is_passed_on_than_w3c_asks_for(collector) -> None:
    traces = Traces(collector.url, {"service.name": "bounded"}, 0.0)

    def passed_on(size: int) -> bytes:
        members = ",".join(f"k{number}={'v' * 200}" for number in range(40))[:size]
        headers = [(b"traceparent", SAMPLED.format(TRACE.format(8)).encode())]
        headers += [(b"tracestate", members[:size].encode())]
        return traces.headers_of(traces.begin("POST /predict", headers))

    assert b"tracestate: k0=" in passed_on(512)
    for size in (513, 8_000):
        assert b"tracestate" not in passed_on(size)


def test_headers_of_which_no_span_is_made_are_not_parsed(collector, monkeypatch) -> None:
    traces, parsed = Traces(collector.url, {"service.name": "bounded"}, 0.0), []
    extract = TraceContextTextMapPropagator.extract
    monkeypatch.setattr(
        TraceContextTextMapPropagator,
        "extract",
        lambda *given: parsed.append(1) or extract(*given),
    )
    sampled = SAMPLED.format(TRACE.format(8)).encode()
    for parent in (sampled, b"00-" + sampled[3:-2] + b"00", b"01" + sampled[2:] + b"-more"):
        before = len(parsed)
        headers = [(b"traceparent", parent), (b"tracestate", b"a=b,c=d")]
        for _ in range(5_000):
            traces.begin("POST /predict", headers)

        # The second may have turned while these were made.
        assert len(parsed) - before <= 300

    assert parsed


@pytest.mark.parametrize("state", ["\xff=\xfe", "Ann Smith", "a=b,Ann Smith", "=" * 500])
def test_the_log_quotes_no_callers_header(state, traced) -> None:
    header = SAMPLED.format(TRACE.format(next(LATER)))
    for parent in (header, "Ann" * 300):
        headers = {"traceparent": parent.encode(), "tracestate": state.encode("latin-1")}
        assert traced.predict({"x": 1}, **headers).status_code == 200

    for words in ("Ann", "w3c", "maximum length", "opentelemetry.trace"):
        assert words not in traced.log("router")


def test_by_chance_about_the_share_that_is_asked_for(collector) -> None:
    traces = Traces(collector.url, {"service.name": "by chance"}, 0.05)
    begun = [traces.begin("POST /predict", []) for _ in range(4_000)]
    assert 120 <= sum(span is not None for span in begun) <= 290


@pytest.mark.parametrize("number", [5, 6])
def test_a_callers_tracestate_and_flags_to_come_are_taken_and_passed_on(
    number, traced, collector
) -> None:
    trace = TRACE.format(number)
    more = {"tracestate": "vendor=abc"} if number == 5 else {}
    flags = "01" if number == 5 else "03"
    answer = traced.predict({"x": 1}, traceparent=f"00-{trace}-{CALLER}-{flags}", **more)
    assert answer.status_code == 200
    request, batch = spans_of(collector, trace, 2)
    assert (request.parent, request.state) == (CALLER, more.get("tracestate", ""))
    assert (batch.parent, batch.state) == (request.span_id, more.get("tracestate", ""))


def test_where_no_endpoint_is_set_nothing_is_imported(fresh) -> None:
    fresh.know(fresh.version("v1"))
    fresh.split({"v1": 10_000})
    fresh.router()
    assert fresh.predict({"x": 1}, traceparent=SAMPLED.format(TRACE.format(7))).status_code == 200
    pid = fresh.status()["workers"][0]["pid"]
    # The exporter's protocol buffers are a library in C, which shows.
    assert not re.search(r"/google/_upb", Path(f"/proc/{pid}/maps").read_text())


def test_where_the_packages_are_missing_the_router_says_so_and_serves(tmp_path) -> None:
    blocker = tmp_path / "blocked"
    (blocker / "opentelemetry").mkdir(parents=True)
    (blocker / "opentelemetry" / "__init__.py").write_text(
        'raise ImportError("none here", name="opentelemetry")\n'
    )
    settings = '[traces]\nendpoint = "http://127.0.0.1:9"\n'
    with pytest.MonkeyPatch.context() as patch, router_harness(tmp_path, settings=settings) as made:
        patch.setenv("PYTHONPATH", str(blocker))
        made.know(made.version("v1"))
        made.split({"v1": 10_000})
        made.router()
        assert made.predict({"x": 1}).status_code == 200
        assert "opentelemetry is missing, so there are no spans: `pip install" in made.log("router")


def test_a_collector_that_is_away_costs_no_request_and_delays_no_restart(tmp_path) -> None:
    settings = '[traces]\nendpoint = "http://127.0.0.1:9"\nratio = 1\n'
    with router_harness(tmp_path, settings=settings) as made:
        made.know(made.version("v1"))
        made.split({"v1": 10_000})
        made.router()
        assert all(made.predict({"x": 1}).status_code == 200 for _ in range(20))
        process = made.processes["router"]
        process.terminate()
        assert process.wait(20) == 0
