"""The generator, in its own process, against servers that behave and that do not."""

import io
import signal
import socket
import threading

import psutil
import pytest

from load.engine.generator import write_chunk
from load.engine.plan import UNANSWERED, Plan, Signer, Stream
from load.generator_process import GeneratorFailed, GeneratorProcess, read_chunks
from load.limits import FAIL, LoadLimits
from load.outcomes import together
from load.run_load import LoadRunner, LoadShape, LoadTarget
from load.shapes import Phase
from tests.load.load_factory import chunk, measured
from tests.load.toy_server import Handler, serving
from wire.load_mark import check_mark

KEY = b"k" * 32
GENEROUS = LoadLimits(60_000, 60_000, 0.0, 0.0)


@pytest.fixture
def bodies(tmp_path):
    path = tmp_path / "bodies.jsonl"
    path.write_bytes(b'{"n":1}\n{"n":2}\n')
    return str(path)


def sent(url, bodies, seconds=1.0, rate=40.0, connections=4, **more):
    """What became of the requests of one plan."""
    stream = Stream("s", bodies, [Phase(seconds, rate, rate)], connections, **more)
    with GeneratorProcess(Plan(url, [stream], 5.0, Signer("run1", KEY))) as generator:
        chunks = list(generator.chunks())

    return together([chunk.columns["s"] for chunk in chunks]), chunks[-1].versions


def test_an_open_loop_sends_each_request_once_with_its_unit_and_mark(bodies):
    with serving(Handler.plain) as server:
        columns, versions = sent(server.url, bodies, unit_header="X-Unit-Id", units=3)

    assert len(columns) == sum(server.asked.values()) == 40
    assert (columns.status == 200).all()
    assert versions == ["v1"]
    assert {unit for _, unit in server.asked} == {"load-0", "load-1", "load-2"}
    assert {body for body, _ in server.asked} == {b'{"n":1}', b'{"n":2}'}
    [mark] = server.marks
    assert check_mark(KEY, mark, 0 + int(mark.split(".")[1]) - 1)
    assert (columns.answered >= columns.sent).all()
    assert (columns.sent >= columns.intended).all()


def test_a_user_of_a_closed_loop_keeps_its_unit_and_waits_for_its_answer(bodies):
    with serving(Handler.plain) as server:
        columns, _ = sent(
            server.url, bodies, 0.5, 2, 2, unit_header="X-Unit-Id", units=2, closed=True
        )

    assert {unit for _, unit in server.asked} == {"load-0", "load-1"}
    # Two users: at no time are more than two requests under way.
    order = sorted(columns.sent)
    done = sorted(columns.answered)
    assert all(done[n - 2] <= order[n] for n in range(2, len(order)))


def test_a_stall_is_felt_by_all_requests_that_fell_due_in_it(bodies):
    stalled = threading.Event()

    def answer(handler):
        if not stalled.is_set():
            stalled.set()
            threading.Event().wait(0.5)

        handler.plain()

    with serving(answer) as server:
        columns, _ = sent(server.url, bodies, connections=1)

    during = columns.where(columns.intended < 0.25)
    assert len(during) == 10
    assert (during.latency >= 0.25).all()
    assert (columns.answered[:1] - columns.sent[:1] >= 0.5).all()


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        (lambda handler: handler.plain(422), 422),
        (lambda handler: handler.plain(200, Connection="close"), 200),
        (lambda handler: handler.connection.shutdown(socket.SHUT_RDWR), 0),
        (lambda handler: handler.wfile.write(b"SSH-2.0\r\n\r\n"), 0),
    ],
)
def test_whatever_a_server_does_each_request_has_an_end(bodies, answer, status):
    with serving(answer) as server:
        columns, _ = sent(server.url, bodies, rate=30)

    assert len(columns) == 30
    assert (columns.status == status).all()


def test_a_large_request_is_sent_whole_though_there_is_no_room_for_it_at_once(tmp_path):
    path = tmp_path / "large.jsonl"
    path.write_bytes(b'"' + b"x" * 8_000_000 + b'"\n')
    with serving(Handler.plain) as server:
        columns, _ = sent(server.url, str(path), rate=3)

    assert [len(body) for body, _ in server.asked] == [8_000_002]
    assert list(columns.status) == [200] * 3


def test_where_nobody_listens_it_says_so(bodies):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{probe.getsockname()[1]}/predict"
        with pytest.raises(GeneratorFailed, match="refused"):
            sent(url, bodies)


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_a_generator_that_is_killed_is_a_failure_with_the_reason(bodies, how):
    with serving(Handler.plain) as server:
        stream = Stream("s", bodies, [Phase(600.0, 20.0, 20.0)], 2)
        with GeneratorProcess(Plan(server.url, [stream], 5.0)) as generator:
            chunks = generator.chunks()
            next(chunks)
            children = psutil.Process().children()
            [child] = [one for one in children if "load.engine" in one.cmdline()]
            child.send_signal(how)
            with pytest.raises(GeneratorFailed, match=f"in the middle of the run, by {how.name}"):
                list(chunks)


def test_a_stop_waits_for_the_last_answers_no_longer_than_at_the_end(bodies):
    hangs = threading.Event()
    with serving(lambda _: hangs.wait(300)) as server:
        stream = Stream("s", bodies, [Phase(3_600.0, 20.0, 20.0)], 2)
        with GeneratorProcess(Plan(server.url, [stream], 0.1)) as generator:
            chunks = []
            for chunk in generator.chunks():
                chunks.append(chunk)
                if chunk.oldest_s > 0.3:
                    generator.stop()

        hangs.set()

    assert chunks[-1].last
    assert chunks[-1].at < 60
    columns = together([one.columns["s"] for one in chunks])
    assert len(columns) == 2
    assert (columns.status == UNANSWERED).all()


def test_a_chunk_that_is_cut_off_is_none():
    output = io.BytesIO()
    for last in (False, True):
        write_chunk(output, chunk([(0.0, 0.0, 0.1, 200, 0, 0)], 1.0, last=last))

    written = output.getvalue()
    assert [one.last for one in read_chunks(io.BytesIO(written))] == [False, True]
    for cut in range(len(written)):
        assert [one.last for one in read_chunks(io.BytesIO(written[:cut]))] in ([], [False])

    with pytest.raises(GeneratorFailed, match="no part of a run"):
        list(read_chunks(io.BytesIO(b"\0\0\0\2ab")))


def test_a_run_stops_long_before_its_end_where_a_server_answers_errors_alone(bodies):
    with serving(lambda handler: handler.plain(500)) as server:
        target = LoadTarget(server.url, bodies, "", 0, 2, Signer("run1", KEY))
        result = LoadRunner(target, GENEROUS).run(LoadShape("constant", 600.0, 20.0))

    assert result.verdict.result == FAIL
    assert result.shown.at < 300
    assert result.shown.total.counts[3] == result.shown.total.requests > 0


@pytest.mark.parametrize(("stalls", "result", "kept"), [(2, "pass", True), (3, "invalid", False)])
def test_a_search_repeats_a_run_whose_generator_was_late_and_gives_up_after_three(
    monkeypatch, bodies, stalls, result, kept
):
    left = [stalls]

    def run(_, shape):
        is_late = shape.rate == 200.0 and left[0] > 0
        left[0] -= is_late
        slow = 500.0 if shape.rate > 300 else 1.0
        return measured(ms=slow, delay_ms=400.0 if is_late else 0.1), ""

    monkeypatch.setattr(LoadRunner, "_measured", run)
    target = LoadTarget("http://127.0.0.1:1", bodies, "", 0, 1, Signer("run1", KEY))
    runner, said = LoadRunner(target, LoadLimits(50, 250, 0.0, 0.0)), []
    found = runner.find_limit(100.0, 10_000.0, 1.0, said.append)
    assert found.verdict.result == result
    assert (300 / 1.05 <= found.limit <= 300) == kept
    assert len(said) == len(found.runs)
