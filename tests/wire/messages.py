"""Requests as bytes: for a hot path, for the slow path, and such as nobody may read otherwise than
another.
"""

from wire.fast_path import LARGEST_HEAD, MOST_HEADERS

PATH = b"/hot"
LARGEST_BODY = 1000
GET = b"GET /page HTTP/1.1\r\nHost: x\r\n\r\n"
CHUNKED = b"POST /hot HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n"


def hot(body: bytes = b"ab", *headers: bytes, path: bytes = PATH) -> bytes:
    """A request for a hot path."""
    lines = [b"POST %b HTTP/1.1" % path, b"Host: x", b"Content-Length: %d" % len(body), *headers]
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


def lengths(*values, body=b"ab"):
    """A request for the hot path with these Content-Lengths."""
    lines = b"".join(b"Content-Length: %b\r\n" % value for value in values)
    return b"POST /hot HTTP/1.1\r\nHost: x\r\n" + lines + b"\r\n" + body


def line(first):
    """A request that would be answered the fast path but for its first line."""
    return first + b"\r\nHost: x\r\nContent-Length: 2\r\n\r\nab"


# Whole requests that go the slow path.
WHOLE = {
    "GET": GET,
    "GET of the hot path": b"GET /hot HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nab",
    "another path": hot(path=b"/cold"),
    "a longer path": hot(path=b"/hot/"),
    "an encoded path": hot(path=b"/%68ot"),
    "a query": hot(path=b"/hot?x=1"),
    "an empty query": hot(path=b"/hot?"),
    "a fragment": hot(path=b"/hot#x"),
    "absolute form": hot(path=b"http://x/hot"),
    "HTTP/1.0": line(b"POST /hot HTTP/1.0"),
    "two spaces before the target": line(b"POST  /hot HTTP/1.1"),
    "two spaces after the target": line(b"POST /hot  HTTP/1.1"),
    "RTSP": line(b"POST /hot RTSP/1.1"),
    "chunked": CHUNKED,
    "Expect": hot(b"ab", b"Expect: 100-continue"),
    "Upgrade": hot(b"ab", b"Upgrade: websocket"),
    "Upgrade and Connection": hot(b"ab", b"Connection: Upgrade", b"Upgrade: h2c"),
    "GET with Upgrade": (
        b"GET /page HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
    ),
    "no length": b"POST /hot HTTP/1.1\r\nHost: x\r\n\r\n",
    "a body one byte too large": hot(b"a" * (LARGEST_BODY + 1)),
    "two hosts": hot(b"ab", b"Host: y"),
    "two content types": hot(b"ab", b"Content-Type: a", b"Content-Type: b"),
    "one header too many": hot(b"ab", *[b"X-%d: 1" % i for i in range(MOST_HEADERS - 1)]),
}
# What llhttp does not take, or what has no end.
BROKEN = {
    "CONNECT": b"CONNECT x:80 HTTP/1.1\r\nHost: x\r\n\r\n",
    "lower case": line(b"post /hot HTTP/1.1"),
    "HTTP/0.9": b"POST /hot\r\n\r\n",
    "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "HTTP/1.2": line(b"POST /hot HTTP/1.2"),
    "a tab in the first line": line(b"POST\t/hot HTTP/1.1"),
    "two lengths": lengths(b"2", b"3"),
    "the same length twice": lengths(b"2", b"2"),
    "a list of lengths": lengths(b"2, 2"),
    "a negative length": lengths(b"-2"),
    "a length with a plus": lengths(b"+2"),
    "a hexadecimal length": lengths(b"0x2"),
    "a length with an underscore": lengths(b"1_0"),
    "two numbers as a length": lengths(b"2 2"),
    "an empty length": lengths(b""),
    "a length past 64 bits": lengths(b"18446744073709551618"),
    "a length of 5000 digits": lengths(b"9" * 5000),
    "a length and chunked": hot(b"2\r\nab\r\n0\r\n\r\n", b"Transfer-Encoding: chunked"),
    "chunked and a length": CHUNKED.replace(b"chunked\r\n", b"chunked\r\nContent-Length: 2\r\n"),
    "obs-fold": hot(b"ab", b"X: a\r\n b"),
    "obs-fold of nothing": hot(b"ab", b"X:\r\n b"),
    "obs-fold of a length": lengths(b"\r\n 2"),
    "obs-fold of the first header": (
        b"POST /hot HTTP/1.1\r\n Host: x\r\nContent-Length: 2\r\n\r\nab"
    ),
    "LF after the first line": line(b"POST /hot HTTP/1.1").replace(b"\r\n", b"\n", 1),
    "LF in the head": hot(b"ab", b"X: a\nY: b"),
    "LF at the end of the head": b"POST /hot HTTP/1.1\r\nContent-Length: 2\r\n\nab",
    "LF all over": hot().replace(b"\r\n", b"\n"),
    "CR in the head": hot(b"ab", b"X: a\rY: b"),
    "CR CR LF": hot(b"ab", b"X: a\r"),
    "NUL in a value": hot(b"ab", b"X: a\0b"),
    "NUL in a name": hot(b"ab", b"X\0: ab"),
    "NUL in the target": hot(path=b"/hot\0"),
    "DEL in a value": hot(b"ab", b"X: \x7f"),
    "a space before the colon": hot(b"ab", b"X : ab"),
    "a space before the colon of a length": b"POST /hot HTTP/1.1\r\nContent-Length : 2\r\n\r\nab",
    "no colon": hot(b"ab", b"X"),
    "no name": hot(b"ab", b": x"),
    "garbage": b"\x00\xff garbage",
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(range(64)),
    "a head without end": b"POST /hot HTTP/1.1\r\nX: " + b"a" * (LARGEST_HEAD + 10),
    "a first line without end": b"POST /" + b"a" * (LARGEST_HEAD + 10),
}
