"""The worker in real processes: that nobody is answered otherwise than by gunicorn alone, and that
it ends politely.
"""

import asyncio
import json
import os
import signal
import socket
import threading
import time
from contextlib import ExitStack, suppress
from pathlib import Path
from types import MethodType, SimpleNamespace

import pytest

from tests.until import until
from tests.wire.fake_connection import FakeConnection, FakeWorker
from tests.wire.messages import BROKEN, CHUNKED, GET, LARGEST_BODY, WHOLE, hot
from tests.wire.processes import GRACEFUL_S, Client, gunicorn
from tests.wire.toy_app import LARGE
from wire import worker
from wire.budget import ByteBudget

INNER = hot(b"inner")
LAST = b"GET /last HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"


def framed(*headers, body=b"0\r\n\r\n" + INNER):
    """A request for the hot path whose body, or what comes after it, is another request."""
    return (
        b"POST /hot HTTP/1.1\r\nHost: x\r\n"
        + b"".join(header + b"\r\n" for header in headers)
        + b"\r\n"
        + body
    )


LENGTH = b"Content-Length: %d" % len(b"0\r\n\r\n" + INNER)
# Pairs in which a request hides: how many there are depends on how the first one is framed.
HIDING = {
    "chunked in a length": framed(LENGTH, b"Transfer-Encoding: chunked"),
    "a length in chunked": framed(b"Transfer-Encoding: chunked", LENGTH),
    "chunked in capitals": framed(b"Transfer-Encoding: CHUNKED"),
    "chunked after a tab": framed(b"Transfer-Encoding:\tchunked"),
    "chunked with a blank before the colon": framed(LENGTH, b"Transfer-Encoding : chunked"),
    "chunked in an underscore": framed(LENGTH, b"Transfer_Encoding: chunked"),
    "chunked in a folded line": framed(LENGTH, b"X: y", b" Transfer-Encoding: chunked"),
    "chunked behind a bare LF": framed(LENGTH, b"X: y\nTransfer-Encoding: chunked"),
    "chunked behind a bare CR": framed(LENGTH, b"X: y\rTransfer-Encoding: chunked"),
    "chunked behind NUL": framed(LENGTH, b"X: y\0Transfer-Encoding: chunked"),
    "chunked in quotes": framed(LENGTH, b'Transfer-Encoding: "chunked"'),
    "identity": framed(LENGTH, b"Transfer-Encoding: identity"),
    "an unknown coding": framed(LENGTH, b"Transfer-Encoding: xchunked"),
    "chunked and identity": framed(b"Transfer-Encoding: chunked, identity"),
    "chunked twice": framed(b"Transfer-Encoding: chunked", b"Transfer-Encoding: chunked"),
    "no coding": framed(LENGTH, b"Transfer-Encoding:"),
    "none and a length": framed(b"Content-Length: 0", LENGTH),
    "a length and none": framed(LENGTH, b"Content-Length: 0"),
    "a list of lengths": framed(LENGTH + b", 0"),
    "a length that hides a request": framed(LENGTH),
    "a length that hides nothing": framed(b"Content-Length: 0", body=INNER),
    "no length": framed(body=INNER),
    "a length of its digits": framed(b"Content-Length: %04d" % (len(INNER)), body=INNER),
    "a length with a sign": framed(b"Content-Length: +%d" % len(INNER), body=INNER),
    "a length before blanks": framed(b"Content-Length: %d \t" % len(INNER), body=INNER),
    "an upgrade": framed(b"Connection: Upgrade", b"Upgrade: x", LENGTH),
    "an upgrade to HTTP/2": framed(
        b"Connection: Upgrade", b"Upgrade: h2c", b"HTTP2-Settings: AA", LENGTH
    ),
    "an expectation": framed(b"Expect: 100-continue", LENGTH),
    "an expectation of nothing": framed(b"Expect: 100-continue", b"Content-Length: 0", body=INNER),
    "an unknown expectation": framed(b"Expect: x", LENGTH),
    "HTTP/1.0 that is kept": framed(b"Connection: keep-alive", LENGTH).replace(b"/1.1", b"/1.0", 1),
    "GET with a body": framed(LENGTH).replace(b"POST", b"GET", 1),
    "PUT with a body": framed(LENGTH).replace(b"POST", b"PUT", 1),
    "an empty line between": framed(b"Content-Length: 0", body=b"\r\n" + INNER),
    "close": framed(LENGTH, b"Connection: close"),
    "close and more": framed(LENGTH, b"Connection: x, close"),
}


def problem(server, raw):
    """The statuses that these bytes are answered with, until the server closes."""
    with server.connect() as client:
        client.send(raw + hot(b"next") + LAST)
        client.read()
        return client.answers.statuses


# gunicorn alone takes an absolute form for a path, and an offer to upgrade for a demand.
DIFFERENT = ("absolute form", "GET with Upgrade")
SENT = {name: raw for name, raw in (WHOLE | BROKEN | HIDING).items() if name not in DIFFERENT}


@pytest.mark.parametrize("raw", SENT.values(), ids=list(SENT))
def test_whatever_is_sent_is_answered_as_often_and_in_the_order_in_which_gunicorn_alone_answers(
    served, plain, raw
):
    assert problem(served, raw) == problem(plain, raw)
    assert problem(served, hot() + raw) == problem(plain, hot() + raw)


def test_an_offer_to_upgrade_is_ignored(served):
    assert problem(served, WHOLE["GET with Upgrade"]) == problem(served, GET)


def test_a_hidden_request_is_the_body_of_the_one_that_hides_it(served):
    with served.connect() as client:
        client.send(framed(LENGTH) + LAST)
        assert client.read() == [200, 404]
        assert client.answers.bodies[0] == b"0\r\n\r\n" + INNER


def test_requests_of_both_ways_are_answered_in_their_order_also_when_the_answers_take_long(served):
    with served.connect() as client:
        client.send(
            hot(b"1", b"X-Do: later")
            + hot(b"2")
            + hot(b"3", b"X-Do: later")
            + GET
            + hot(b"4")
            + LAST
        )
        assert client.read() == [200, 200, 200, 404, 200, 404]
        assert client.answers.bodies[:3] + client.answers.bodies[4:5] == [b"1", b"2", b"3", b"4"]
        assert [headers[b"x-way"] for headers in client.answers.headers] == [b"short"] * 3 + [
            b"long"
        ] * 3


@pytest.mark.parametrize("page", [GET, CHUNKED, hot(path=b"/cold")], ids=["GET", "chunked", "POST"])
def test_a_page_costs_a_connection_the_fast_path_for_no_longer_than_the_page_takes(served, page):
    with served.connect() as client:
        for _ in range(3):
            client.ask(page)
            assert client.answers.headers[-1][b"x-way"] == b"long"
            until(lambda: asked(client)[b"x-way"] == b"short", "it is on the fast path again")
            client.send(hot(b"cd") * 2)
            client.read(len(client.answers.statuses) + 2)
            assert client.answers.bodies[-3:] == [b"ab", b"cd", b"cd"]

    until(
        lambda: (served.worker()["conns"], served.worker()["connections"]) == (1, 0),
        "only the one that asks is left",
    )


def test_a_request_of_one_byte_at_a_time_is_answered(served):
    with served.connect() as client:
        for at in range(len(hot())):
            client.send(hot()[at : at + 1])
        assert client.read(1) == [200]
        assert client.answers.headers[0][b"x-way"] == b"short"
        assert client.answers.headers[0][b"date"].endswith(b" GMT")


def test_the_largest_body_is_taken_and_a_larger_one_is_413_for_the_app(served):
    with served.connect() as client:
        assert client.ask(hot(b"a" * LARGEST_BODY)) == 200
        assert client.ask(hot(b"a" * 50 * LARGEST_BODY)) == 413
        assert [headers[b"x-way"] for headers in client.answers.headers] == [b"short", b"long"]


def test_a_client_that_waits_for_100_gets_it(served):
    head, _, body = hot(b"ab", b"Expect: 100-continue").partition(b"\r\n\r\n")
    with served.connect() as client:
        assert client.ask(head + b"\r\n\r\n") == 100
        assert client.ask(body) == 200


def test_a_handler_that_fails_costs_its_own_connection_only(served):
    with served.connect() as other, served.connect() as client:
        assert other.ask(hot()) == 200
        client.send(hot(b"ab", b"X-Do: fail") + hot())
        assert client.read() == [500]
        assert other.ask(hot()) == 200

    assert "RuntimeError: as asked" in served.log()


def test_a_client_that_does_not_read_is_not_worked_for_and_gets_everything_when_it_does(served):
    requests, before = 500, served.worker()["asked"]
    with served.connect() as client:
        client.send(hot(b"a" * 500, b"X-Do: large") * requests)
        polls = []

        def rests():
            polls.append(served.worker()["asked"] - before)
            return len(polls) > 20 and polls[-1] == polls[-20]

        until(rests, "the worker does nothing more for it")
        assert 0 < polls[-1] < requests // 2
        assert client.read(requests, 30) == [200] * requests
        assert {len(body) for body in client.answers.bodies} == {500 * LARGE}


def test_connections_are_counted_exactly_whatever_became_of_them(served):
    for sent in (
        b"",
        b"POST",
        hot()[:-1],
        hot(),
        hot() + hot(),
        GET,
        hot() + GET,
        b"\0",
        hot(b"ab", b"X-Do: fail"),
    ):
        for reads in (0, 1):
            with served.connect() as client:
                client.send(sent)
                if reads and sent.endswith((b"ab", b"\r\n\r\n")):
                    client.read(1)

    with served.connect() as client:
        client.send(hot(b"ab", b"X-Do: later"))

    # The one that asks was handed over.
    until(
        lambda: (served.worker()["conns"], served.worker()["connections"]) == (1, 0),
        "only the one that asks is left",
    )


def test_silent_connections_are_closed_and_requests_that_do_not_arrive_are_408(loop, monkeypatch):
    monkeypatch.setattr(worker, "SWEEP_S", 0.001)
    names = ("idle", "half", "new", "started", "answered", "kept")
    fakes = {name: FakeConnection(loop, FakeWorker(at_once=False)) for name in names}
    for name, sent in {
        "half": hot()[:-1],
        "started": hot()[:-1],
        "answered": hot(),
        "kept": hot(),
    }.items():
        fakes[name].send(sent)

    fakes["kept"].answer()
    for name, ago in {
        "idle": 61,
        "half": worker.SLOWEST_REQUEST_S + 1,
        "new": 59,
        "started": 29,
        "kept": 61,
    }.items():
        fakes[name].connection.since -= ago

    connections = {fake.connection for fake in fakes.values()}
    keepalive = SimpleNamespace(keepalive=60)
    sweeping = SimpleNamespace(
        loop=loop, connections=connections, others=[], cfg=keepalive, date=b"", budget=ByteBudget(1)
    )
    sweeping._check = MethodType(worker.FastPathWorker._check, sweeping)

    async def sweep():
        sweeper = loop.create_task(worker.FastPathWorker._sweep(sweeping))
        while not (
            sweeping.date and all(fakes[name].transport.closed for name in ("idle", "kept"))
        ):
            await asyncio.sleep(0)

        assert fakes["half"].transport.ended
        assert not fakes["half"].transport.closed
        # Its client has had the time to read that answer.
        fakes["half"].connection.since -= worker.DISCARD_S
        while not fakes["half"].transport.closed:
            await asyncio.sleep(0)

        sweeper.cancel()

    loop.run_until_complete(asyncio.wait_for(sweep(), 5))
    assert {name for name, fake in fakes.items() if fake.transport.closed} == {
        "idle",
        "half",
        "kept",
    }
    assert {name: fake.answers.statuses for name, fake in fakes.items() if fake.transport.sent} == {
        "half": [408],
        "kept": [200],
    }
    assert fakes["half"].answers.headers[0][b"content-type"] == b"application/problem+json"
    assert fakes["half"].answers.headers[0][b"connection"] == b"close"
    assert sweeping.date.endswith(b" GMT\r\n")


def test_an_idle_connection_is_closed_after_keepalive(tmp_path):
    with (
        gunicorn(tmp_path, keep_alive=1) as server,
        server.connect() as fresh,
        server.connect() as kept,
    ):
        kept.ask(hot())
        assert (kept.read(deadline_s=5), fresh.read(deadline_s=5)) == ([200], [])


# Errors that no app has a part in


UNREADABLE = {
    "no host": (b"POST /hot HTTP/1.1\r\nContent-Length: 2\r\n\r\nab", 400, "Host"),
    "no host for a page": (b"GET /page HTTP/1.1\r\n\r\n", 400, "Host"),
    "garbage": (b"\x00\xff garbage\r\n\r\n", 400, ": send a request as RFC 9112 has it"),
    "two lengths": (BROKEN["two lengths"], 400, ": send a request as RFC 9112 has it"),
    "a long line": (
        b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
        414,
        ": send a shorter address",
    ),
    "a long head": (
        b"GET / HTTP/1.1\r\nHost: x\r\n" + b"X: %b\r\n" % (b"a" * 8000) * 9,
        431,
        "head",
    ),
}


@pytest.mark.parametrize("raw", UNREADABLE, ids=list(UNREADABLE))
def test_what_cannot_be_read_is_problem_json_that_names_its_cause(served, raw):
    raw, status, cause = UNREADABLE[raw]
    with served.connect() as client:
        client.send(raw)
        assert client.read() == [status]
        assert client.answers.headers[0][b"content-type"] == b"application/problem+json"
        problem = json.loads(client.answers.bodies[0])
        assert problem["status"] == status
        assert cause in problem["detail"]


def test_http_1_0_needs_no_host(served):
    with served.connect() as client:
        assert client.ask(b"POST /hot HTTP/1.0\r\nContent-Length: 2\r\n\r\nab") == 200


@pytest.mark.parametrize("target", [b"http://x/hot", b"HTTP://x:80/%68ot"])
def test_a_target_of_absolute_form_is_its_path(served, target):
    with served.connect() as client:
        assert client.ask(hot(path=target)) == 200


@pytest.mark.parametrize(
    "requests", [[hot(b"ab", b"X-Do: later")], [CHUNKED], [GET], [hot(), GET, hot()]]
)
def test_a_client_that_closes_its_side_gets_its_answers_and_then_the_end(served, requests):
    with served.connect() as client:
        client.send(b"".join(requests))
        client.socket.shutdown(socket.SHUT_WR)
        assert len(client.read(deadline_s=5)) == len(requests)
        assert client.closed


# What one worker may hold


def test_more_connections_than_there_are_files_close_the_oldest_and_everybody_is_still_answered(
    tmp_path,
):
    with gunicorn(tmp_path, files=200) as server, ExitStack() as held:
        idle = [held.enter_context(server.connect()) for _ in range(300)]
        half = [held.enter_context(server.connect()) for _ in range(300)]
        for client in half:
            with suppress(ConnectionError):
                client.send(hot()[:-1])
        for _ in range(50):
            with server.connect() as client:
                assert client.ask(hot()) == 200
                assert client.ask(GET) == 404
        assert server.worker()["conns"] < 200
        for client in (*idle, *half):
            client.close()
        until(lambda: server.worker()["conns"] == 1, "all are gone")
        assert "Too many open files" not in server.log()


def test_the_soft_limit_of_files_is_raised_to_the_hard_one(tmp_path):
    with gunicorn(tmp_path, files=(64, 600)) as server, ExitStack() as held:
        clients = [held.enter_context(server.connect()) for _ in range(200)]
        assert [client.ask(hot()) for client in clients] == [200] * 200


class Load:
    """Clients that ask over kept connections, leave when told `close`, and note every request that
    has no answer.

    lost: how many were answered on the same connection before it, and what happened.
    """

    def __init__(self, server, *asked, clients=4):
        self.server, self.asked = server, asked
        self.stopped = threading.Event()
        self.answered, self.lost, self.pids = 0, [], set()
        self._threads = [threading.Thread(target=self._client) for _ in range(clients)]

    def _client(self):
        while not self.stopped.is_set():
            try:
                client = self.server.connect()
            except ConnectionRefusedError:
                return
            with client:
                self._ask(client)

    def _ask(self, client):
        while not self.stopped.is_set():
            for request in self.asked:
                answers = client.answers.statuses
                before = len(answers)
                try:
                    client.send(request)
                    client.read(before + 1)
                except OSError as error:
                    self.lost.append((before, repr(error)))
                    return
                if len(answers) == before:
                    self.lost.append((before, "closed"))
                    return
                self.answered += 1
                self.pids.add(client.answers.headers[-1][b"x-pid"])
                if client.answers.headers[-1].get(b"connection") == b"close":
                    return

    def until(self, more):
        """Wait until so many more are answered."""
        goal = self.answered + more
        until(lambda: self.answered >= goal or self.lost, f"{more} more answers")

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        self.until(100)
        return self

    def __exit__(self, *_):
        self.stopped.set()
        for thread in self._threads:
            thread.join(300)


EITHER_WAY = pytest.mark.parametrize("asked", [[hot()], [hot(b"ab", b"X-Do: later")], [hot(), GET]])


@EITHER_WAY
def test_workers_that_are_replaced_under_load_lose_no_request(tmp_path, asked):
    with gunicorn(tmp_path, workers=2, linger_s=5) as server:
        with Load(server, *asked) as load:
            old = set(load.pids)
            server.signal(signal.SIGHUP)
            until(
                lambda: server.log().count("Worker exiting") == 2 and load.pids - old,
                "all workers are new",
                25,
            )
            load.until(50)
        assert load.lost == []
        assert b"" not in load.pids


@EITHER_WAY
def test_a_server_that_ends_under_load_answers_every_request_that_it_took(tmp_path, asked):
    with gunicorn(tmp_path, linger_s=5) as server, Load(server, *asked) as load:
        assert server.end() < 5
        # Nobody took a connection that was still in the kernel's queue when the last listener
        # closed.
        assert [lost for lost in load.lost if lost[0] > 0] == []
        assert server.ended.exists()


def test_connections_that_nobody_uses_do_not_delay_the_end_and_the_app_has_its_own(tmp_path):
    with (
        gunicorn(tmp_path) as server,
        server.connect(),
        server.connect() as kept,
        server.connect() as other,
    ):
        assert (kept.ask(hot()), other.ask(GET), kept.ask(hot())) == (200, 404, 200)
        assert server.end() < 5
        assert (kept.read(), other.read(), server.ended.exists()) == ([200, 200], [404], True)


def test_during_the_farewell_a_kept_connection_is_served_and_told_to_close(tmp_path):
    with (
        gunicorn(tmp_path, linger_s=5) as server,
        server.connect() as one,
        server.connect() as half,
    ):
        assert one.ask(hot()) == 200
        half.send(hot()[:-1])
        server.signal(signal.SIGTERM)
        until(lambda: _refused(server), "nobody is let in any more")
        assert one.ask(hot()) == 200
        assert half.ask(hot()[-1:]) == 200
        assert (
            one.answers.headers[-1][b"connection"]
            == half.answers.headers[-1][b"connection"]
            == b"close"
        )
        assert server.end() < 5


def test_who_never_finishes_a_request_is_cut_off_before_the_app_would_lose_its_end(tmp_path):
    with (
        gunicorn(tmp_path, graceful_timeout=4) as server,
        server.connect() as one,
        server.connect() as other,
    ):
        one.send(hot()[:-1])
        other.send(CHUNKED[:-1])
        until(lambda: server.worker()["conns"] == 3, "both are there")
        assert server.end() < 6
        assert (one.read(), other.read(), server.ended.exists()) == ([], [], True)


@pytest.mark.parametrize("told_before", [True, False])
def test_sigquit_ends_it_at_once_also_in_the_middle_of_a_farewell(tmp_path, told_before):
    settings = {"linger_s": 600, "graceful_timeout": GRACEFUL_S}
    with (
        gunicorn(tmp_path, **settings) as server,
        server.connect() as kept,
        server.connect() as half,
    ):
        kept.ask(hot())
        half.send(hot()[:-1])
        began = time.monotonic()
        if told_before:
            server.signal(signal.SIGTERM)
            until(lambda: _refused(server), "nobody is let in any more")
        server.signal(signal.SIGQUIT)
        server.running.wait(300)
        assert time.monotonic() - began < GRACEFUL_S


def test_several_workers_share_the_connections_and_a_killed_one_is_replaced(tmp_path):
    with gunicorn(tmp_path, workers=2) as server:
        first = until(lambda: _pids(server, 2), "both answer")
        os.kill(int(next(iter(first))), signal.SIGKILL)
        until(lambda: (_pids(server, 2) or first) - first, "a new one answers")
        assert server.end() < 5


def _pids(server, expected):
    """The workers that answer new connections, once there are as many as expected."""
    match = set()
    for _ in range(30):
        with server.connect() as client:
            client.ask(hot())
            match.add(client.answers.headers[0][b"x-pid"])

    return match if len(match) == expected else None


def _refused(server):
    try:
        server.connect().close()
    except ConnectionRefusedError:
        return True
    return False


@pytest.mark.parametrize("replaced", [True, False])
def test_a_worker_whose_arbiter_is_killed_answers_until_it_is_replaced(tmp_path, replaced):
    path = tmp_path / "socket"
    with gunicorn(tmp_path, bind=f"unix:{path}") as server:
        with unix(path) as kept:
            assert kept.ask(hot()) == 200
            pid = int(kept.answers.headers[-1][b"x-pid"])
            server.running.kill()
            server.running.wait()
            until(lambda: "answers until it is replaced" in server.log(), "it has noticed")
            assert kept.ask(hot()) == 200
            with unix(path) as newcomer:
                assert newcomer.ask(hot()) == 200
            if replaced:
                path.unlink()
                until(lambda: b"connection" in asked(kept), "it says that it leaves")
                kept.read()
                assert kept.closed
            else:
                os.kill(pid, signal.SIGTERM)
        until(lambda: not Path(f"/proc/{pid}").exists(), "it has left")
        assert server.ended.exists()


def unix(path):
    """A connection to a unix socket."""
    made = socket.socket(socket.AF_UNIX)
    made.settimeout(120)
    made.connect(str(path))
    return Client(made)


def asked(client):
    """The headers of its next answer."""
    client.ask(hot())
    return client.answers.headers[-1]
