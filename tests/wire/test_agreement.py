"""The fast path finds the same requests and the same end of a connection as gunicorn's parsers."""

import pytest
from gunicorn.asgi.parser import PythonProtocol
from gunicorn_h1c import H1CProtocol
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.wire.fake_connection import FakeConnection
from tests.wire.messages import hot

BODY = b"POST /hot HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n"
SEEDS = [
    hot(b"ab"),
    hot(BODY, b"Content-Type: text/plain"),
    hot(b"", b"X: y"),
    b"POST /hot HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n32\r\n" + BODY + b"\r\n0\r\n\r\n",
    b"GET /hot HTTP/1.1\r\n\r\n",
    b"POST /hot HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nX: y\r\n\r\n",
]
WORDS = [
    *(
        b"\r\n",
        b"\n",
        b"\r",
        b"\r\n\r\n",
        b"\n\n",
        b" ",
        b"\t",
        b"\0",
        b":",
        b",",
        b";",
        b"\x0b",
        b"\x7f",
        b"\x80",
        b"_",
    ),
    *(
        b"0",
        b"1",
        b"2",
        b"+",
        b"-",
        b"0x",
        b"1_0",
        b"GET ",
        b"POST /hot HTTP/1.1\r\n",
        b"HTTP/1.0",
        b"RTSP/1.1",
    ),
    *(
        b"Content-Length: 0\r\n",
        b"content-length:2\r\n",
        b"Content-Length: 41\r\n",
        b"Content-Length",
        b"\r\n ",
    ),
    *(
        b"Transfer-Encoding: chunked\r\n",
        b"Transfer-Encoding:",
        b"chunked",
        b"identity",
        b"Host: x\r\n",
    ),
    *(
        b"Expect: 100-continue\r\n",
        b"Upgrade: h2c\r\n",
        b"Content-Type: a\r\n",
        b"X:\r\n",
        b"/hot",
        b"?",
        b"http://x",
    ),
]


class Reference:
    """gunicorn's protocol without the app: the requests that its parser finds, until it refuses.

    Unlike gunicorn's, which takes one empty line before a request, it skips any number, as the
    fast path does."""

    def __init__(self, parser):
        self.requests, self.refused = [], False
        self._body, self._within = b"", False
        self._parser = parser(
            on_headers_complete=self._begin, on_body=self._more, on_message_complete=self._end
        )

    def connection_made(self, transport):
        """Nothing to note."""

    def data_received(self, data):
        """Parse as gunicorn does: what follows a request is fed to a parser that was reset."""
        while not self.refused and (data := data if self._within else data.lstrip(b"\r\n")):
            self._within = True
            try:
                self._parser.feed(data)
            except Exception:  # noqa: BLE001 - the two parsers share no base class
                self.refused = True
            data = b""
            if self._parser.is_complete:
                data, self._within = self._parser.remaining(), False
                self._parser.reset()

    def _begin(self):
        self._body = b""
        return False

    def _more(self, chunk):
        self._body += chunk

    def _end(self):
        self.requests.append((bytes(self._parser.method), bytes(self._parser.path), self._body))


@st.composite
def messages(draw):
    """A few requests, some of them tampered with."""
    raw = bytearray()
    for seed in draw(st.lists(st.sampled_from(SEEDS), min_size=1, max_size=3)):
        tampered = bytearray(seed)
        for _ in range(draw(st.integers(0, 3))):
            start = draw(st.integers(0, len(tampered)))
            end = start + draw(st.integers(0, min(4, len(tampered) - start)))
            tampered[start:end] = draw(st.sampled_from(WORDS))
        raw += tampered

    return bytes(raw)


@pytest.mark.parametrize("parser", [PythonProtocol, H1CProtocol])
@settings(deadline=None, max_examples=600)
@given(raw=messages(), data=st.data())
def test_tampered_requests_are_read_as_gunicorn_alone_reads_them(loop, parser, raw, data):
    alone = Reference(parser)
    alone.data_received(raw)
    fake = FakeConnection(loop, other=lambda _: Reference(parser))
    at = sorted(data.draw(st.sets(st.integers(0, len(raw)), max_size=3)))
    fake.send(
        *(raw[start:end] for start, end in zip([0, *at], [*at, len(raw)], strict=True))
    ).settle()
    requests = [(b"POST", b"/hot", body) for body in fake.bodies]
    if fake.other:
        assert fake.other.refused == alone.refused
        requests += fake.other.requests

    assert requests == alone.requests
