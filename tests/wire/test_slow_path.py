"""The slow path: what is parsed at once is bounded, and others are served between."""

import asyncio
from types import SimpleNamespace

import pytest
from gunicorn.config import Config

from tests.wire.fake_connection import FakeTransport
from tests.wire.messages import GET, LARGEST_BODY, hot
from wire.budget import ByteBudget
from wire.read_turns import PIECE_BYTES, ReadTurns
from wire.slow_path import FULL, SLICE_BYTES, SlowPathProtocol

HEAD = b"POST /x HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
TINY = b"2\r\nab\r\n"


class FakeSlowConnection:
    """One connection of the slow path; its app notes the pieces of each body it is given."""

    def __init__(self):
        self.bodies, self.fed, self.hot, self.rounds = [], [], [], 0

    async def app(self, scope, receive, send):
        """Take the body and answer."""
        pieces, more = [], True
        self.bodies.append(pieces)
        while more:
            message = await receive()
            pieces.append(message.get("body", b""))
            more = message.get("more_body", False)

        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"ok"})

    def play(self, *sent, ended=False, until):
        """Send these bytes, as few or many as a socket may give at once, and turn the loop."""
        asyncio.run(self._play(sent, ended, until))
        return self

    async def _play(self, sent, ended, until):
        loop = asyncio.get_running_loop()
        cfg = Config()
        cfg.set("http_parser", "fast")
        worker = SimpleNamespace(
            loop=loop,
            cfg=cfg,
            log=SimpleNamespace(access_log_enabled=False, exception=print, debug=print),
            asgi=self.app,
            nr_conns=0,
            nr=0,
            max_requests=10**9,
            alive=True,
            state={},
            budget=ByteBudget(1 << 20),
            turns=ReadTurns(loop),
            refused=lambda status: None,
            others=set(),
            connections=set(),
            most_conns=100,
            hot={b"/hot": lambda headers, body, respond: self.hot.append(body)},
            largest_body=LARGEST_BODY,
        )
        connection, self.transport = SlowPathProtocol(worker), FakeWebTransport()
        self.connection = connection
        connection.connection_made(self.transport)
        parser = connection._callback_parser
        connection._callback_parser = Noted(parser, self.fed)
        for piece in sent:
            connection.data_received(piece)
        if ended:
            assert connection.eof_received()

        async with asyncio.timeout(10):
            while not until(self):
                self.rounds += 1
                await asyncio.sleep(0)

        (self.transport.protocol or connection).connection_lost(None)
        await asyncio.sleep(0)
        assert worker.nr_conns == 0


class FakeWebTransport(FakeTransport):
    """One that also says who is at its ends."""

    def get_extra_info(self, name, default=None):
        return {"peername": ("127.0.0.1", 1), "sockname": ("127.0.0.1", 2)}.get(name, default)

    def can_write_eof(self):
        return False

    def set_write_buffer_limits(self, **_):
        """As large as one likes."""


class Noted:
    """A parser, and the sizes of what it was given at once."""

    def __init__(self, parser, fed):
        self._parser, self._fed = parser, fed

    def feed(self, data):
        self._fed.append(len(data))
        self._parser.feed(data)

    def __getattr__(self, name):
        return getattr(self._parser, name)


def answered(times=1):
    """Until so many answers have been sent."""
    return lambda fake: b"".join(fake.transport.sent).count(b"HTTP/1.1 200") >= times


def test_tiny_chunks_are_parsed_a_slice_at_a_time_with_rounds_of_the_loop_between():
    count = 20_000
    fake = FakeSlowConnection().play(HEAD + TINY * count + b"0\r\n\r\n", until=answered())
    assert b"".join(fake.bodies[0]) == b"ab" * count
    assert max(fake.fed) <= SLICE_BYTES
    assert fake.rounds >= len(fake.fed) - 1
    # As many pieces as slices, not as chunks.
    assert len(fake.bodies[0]) <= len(fake.fed) + 1
    assert fake.transport.reading


def test_requests_behind_a_large_one_are_answered_in_their_order_however_they_arrive():
    large = HEAD + TINY * 3_000 + b"0\r\n\r\n"
    small = HEAD + TINY + b"0\r\n\r\n"
    for sent in ([large + small * 2], [large, small, small], [small * 2 + large]):
        fake = FakeSlowConnection().play(*sent, until=answered(3))
        sizes = sorted(sum(map(len, body)) for body in fake.bodies)
        assert sizes == [2, 2, 6_000]
        assert fake.transport.reading


@pytest.mark.parametrize("whole", [True, False])
def test_a_client_that_closes_its_side_while_its_bytes_wait_is_answered_if_it_sent_all(whole):
    raw = HEAD + TINY * 3_000 + b"0\r\n\r\n" * whole
    fake = FakeSlowConnection().play(raw, ended=True, until=lambda fake: fake.transport.closed)
    assert (b"HTTP/1.1 200" in b"".join(fake.transport.sent)) == whole


def test_two_reasons_not_to_read_do_not_undo_each_other():
    held = []

    def look(fake):
        connection = fake.connection
        if not held:
            held.append(fake.transport.reading)
            connection._pause_reading()
            connection._resume_reading()
            held.append(fake.transport.reading)
            connection._pause_reading()
        if connection._unparsed:
            return False
        if len(held) == 2:
            held.append((FULL in connection._pauses, fake.transport.reading))
            connection._resume_reading()
        return fake.transport.reading

    # Its app takes all that comes, so it is only full because this says so.
    FakeSlowConnection.play(fake := Silent(), HEAD + TINY * 3_000, until=look)
    assert held[:2] == [False, False]
    assert fake.transport.reading


class Silent(FakeSlowConnection):
    """An app that takes nothing."""

    async def app(self, scope, receive, send):
        await asyncio.Event().wait()


def test_a_head_without_end_is_refused_and_a_long_body_behind_a_head_is_not():
    endless = b"POST /x HTTP/1.1\r\nHost: x\r\n" + b"a: b\r\n" * 20_000
    fake = FakeSlowConnection().play(endless, until=lambda fake: fake.transport.closed)
    assert b"".join(fake.transport.sent)[9:12] in (b"431", b"400")
    long_head = HEAD[:-2] + b"A: " + b"a" * 6_000 + b"\r\n\r\n"
    fake = FakeSlowConnection().play(long_head + TINY * 20_000 + b"0\r\n\r\n", until=answered())
    assert b"".join(fake.bodies[0]) == b"ab" * 20_000


def test_a_body_without_chunks_is_parsed_in_larger_slices_and_what_follows_it_is_not():
    long = b"POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: 300000\r\n\r\n" + b"a" * 300_000
    tiny = HEAD + TINY * 2_000 + b"0\r\n\r\n"
    fake = FakeSlowConnection().play(long, tiny, until=answered(2))
    assert [sum(map(len, body)) for body in fake.bodies] == [300_000, 4_000]
    larger = [size for size in fake.fed if size > SLICE_BYTES]
    assert larger.count(PIECE_BYTES) == 300_000 // PIECE_BYTES


@pytest.mark.parametrize("unread", [0, 1])
def test_a_connection_is_the_fast_paths_again_once_its_answers_were_read(unread):
    asked = []

    def look(fake):
        if not asked and fake.connection._awaiting_request and answered()(fake):
            fake.transport.unsent = unread
            fake.connection.data_received(hot(b"ab"))
            asked.append(1)

        return bool(fake.hot) or answered(2)(fake)

    fake = FakeSlowConnection().play(GET, until=look)
    assert (fake.hot, len(fake.bodies)) == (([], 2) if unread else ([b"ab"], 1))


def test_a_connection_stays_on_the_slow_path_while_something_of_it_is_unfinished():
    """What was sent before has to be answered first, and a head may have begun."""
    for sent in ([GET, hot()], [GET + hot()], [GET, b"POS", hot()[3:]], [GET[:-2], b"\r\n", hot()]):
        fake = FakeSlowConnection().play(*sent, until=answered(2))
        assert (fake.hot, fake.transport.protocol) == ([], None)
