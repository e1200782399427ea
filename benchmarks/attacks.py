"""What a stranger sends: `python -m benchmarks.attacks NAME URL` attacks a router of this machine
until it is ended.

Each attack is a function of the router's address and of a clock that says when to stop. They use
plain sockets and `http.client`, and stop by themselves after MOST_S."""

import base64
import gzip
import http.client
import itertools
import json
import os
import resource
import socket
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from typing import Any
from urllib.parse import urlsplit

from benchmarks.processes import ROOT

MOST_S = 120.0
Headers = dict[str, str]
_SAMPLE = ROOT / "examples" / "flights" / "sample-request.json"


class Target:
    """A router, as a stranger sees it."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.hostname not in ("127.0.0.1", "localhost", "::1"):
            raise SystemExit(f"{url} is not of this machine: attacks go to the loopback only")

        self.host, self.port = parts.hostname, parts.port or 80
        self.row: dict[str, Any] = json.loads(_SAMPLE.read_text())["instances"][0]
        self._end = time.monotonic() + MOST_S
        self._kept: http.client.HTTPConnection | None = None

    def rounds(self, pause_s: float = 0.0) -> Iterator[int]:
        """0, 1, 2 ... until the attack has lasted long enough."""
        for number in itertools.count():
            if time.monotonic() > self._end:
                return
            yield number
            if pause_s:
                time.sleep(pause_s)

    def ask(
        self, path: str, body: bytes, headers: Headers | None = None, method: str = "POST"
    ) -> tuple[int, Headers]:
        """One request on a kept connection; (0, {}) where there is no answer."""
        try:
            if self._kept is None:
                self._kept = http.client.HTTPConnection(self.host, self.port, timeout=60)
            self._kept.request(method, path, body, headers or {})
            answer = self._kept.getresponse()
            answer.read()
            return answer.status, {name.lower(): value for name, value in answer.getheaders()}
        except (OSError, http.client.HTTPException):
            if self._kept is not None:
                self._kept.close()
            self._kept = None
            return 0, {}

    def connect(self, receive_bytes: int = 0) -> socket.socket:
        """A bare connection; receive_bytes: the size of its receive buffer."""
        made = socket.socket()
        if receive_bytes:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)

        made.settimeout(5)
        made.connect((self.host, self.port))
        return made

    def rows(self, count: int) -> bytes:
        """A body of so many good rows."""
        return json.dumps({"instances": [self.row] * count}).encode()

    def prediction(self, rows: int = 1) -> str:
        """The id of a prediction by the candidate where one comes within 500 tries, else of the
        last one.
        """
        token = ""
        for number in range(500):
            _, headers = self.ask(
                "/predict", self.rows(rows), {"X-Unit-Id": f"stranger-{time.time_ns()}-{number}"}
            )
            token = headers.get("x-prediction-id", token)
            if headers.get("x-model-version") == "v2":
                break

        return token


def spellings_of_one_id(target: Target) -> None:
    """A thousand spellings of one prediction id, each with a wrong label."""
    for _ in target.rounds(0.2):
        token = target.prediction()
        labels = [
            {"prediction_id": text, "label": label}
            for text in _spellings(token)
            for label in (0, 1)
        ]
        target.ask("/feedback", json.dumps(labels[:1000]).encode())


def _spellings(token: str) -> Iterator[str]:
    """The id with characters between that a lenient decoder skips, and with other trailing bits."""
    for number in range(500):
        at = number % (len(token) or 1)
        yield token[:at] + "!" * (1 + number // 100) + token[at:]


def labels_beyond_rows(target: Target) -> None:
    """4 MB of labels for an id of 17 rows."""
    token = target.prediction(17)
    body = b'{"prediction_id":"%b","label":[%b0]}' % (token.encode(), b"0," * 2_000_000)
    for _ in target.rounds(0.05):
        target.ask("/feedback", body)


def flood_of_labels(target: Target) -> None:
    """Labels that are as they must be, of 500 rows at a time, without a pause."""
    tokens = [target.prediction(500) for _ in range(8)]
    for number in target.rounds():
        label = {"prediction_id": tokens[number % 8], "label": [number % 2] * 500}
        target.ask("/feedback", json.dumps(label).encode())
        if number % 50 == 49:
            tokens[number % 8] = target.prediction(500)


def tight_deadlines(target: Target) -> None:
    """Requests that give the version a millisecond."""
    body = target.rows(100)
    for number in target.rounds(0.005):
        target.ask("/predict", body, {"X-Timeout-Ms": "1", "X-Unit-Id": f"hurry-{number}"})


def one_request_id_refused(target: Target) -> None:
    """One X-Request-Id and rows that fit no version."""
    for _ in target.rounds(0.005):
        target.ask("/predict", b'{"instances":[{}]}', {"X-Request-Id": "steer1"})


def one_request_id_answered(target: Target) -> None:
    """One X-Request-Id and good rows."""
    body = target.rows(1)
    for _ in target.rounds():
        target.ask("/predict", body, {"X-Request-Id": "steer1"})


def ten_thousand_bad_rows(target: Target) -> None:
    """30 kB: 10,000 rows without any column."""
    body = b'{"instances":[' + b",".join([b"{}"] * 10_000) + b"]}"
    for _ in target.rounds(0.3):
        target.ask("/predict", body)


def rows_of_another_kind(target: Target) -> None:
    """1,000 rows, each with another fault."""
    name = next(iter(target.row))
    faults: list[Any] = [
        {**target.row, name: "x" * 50},
        {**target.row, "more": 1},
        [],
        7,
        None,
        {name: None},
        {},
    ]
    body = json.dumps(
        {"instances": [faults[number % len(faults)] for number in range(1_000)]}
    ).encode()
    for _ in target.rounds(0.1):
        target.ask("/predict", body)


def idle_connections(target: Target) -> None:
    """2,400 connections that say nothing."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(8_192, hard) if hard > 0 else 8_192, hard))
    held = []
    for _ in target.rounds(0.1):
        with suppress(OSError):
            while len(held) < 2_400:
                held.append(target.connect())


def half_sent_bodies(target: Target) -> None:
    """60 bodies of 8 MB whose last bytes never come."""
    head = b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Length: 8388608\r\n\r\n"
    chunk, held = b"x" * 8_388_000, []
    for _ in target.rounds(0.5):
        for _ in range(60 - len(held)):
            with suppress(OSError):
                made = target.connect()
                held.append(made)
                made.sendall(head + chunk)


def half_sent_heads(target: Target) -> None:
    """500 requests that get a byte longer each second."""
    held = []
    with suppress(OSError):
        for _ in range(500):
            made = target.connect()
            made.sendall(b"POST /predict HTTP/1.1\r\nHost: x\r\nX-A: ")
            held.append(made)

    for _ in target.rounds(1.0):
        for made in held:
            with suppress(OSError):
                made.sendall(b"a")


def answers_not_read(target: Target) -> None:
    """20 clients with 3,000 requests for a page each, who read no answer."""
    held = []
    for _ in range(20):
        made = target.connect(2_048)
        made.setblocking(False)
        with suppress(OSError):
            made.send(b"GET /docs HTTP/1.1\r\nHost: x\r\n\r\n" * 3_000)
        held.append(made)

    for _ in target.rounds(0.5):
        pass


def gzip_bombs(target: Target) -> None:
    """100 kB that would be 100 MB."""
    body = gzip.compress(b" " * 100_000_000, 9)
    for _ in target.rounds(0.2):
        target.ask("/predict", body, {"Content-Encoding": "gzip"})


def tiny_chunks(target: Target) -> None:
    """60 kB in chunks of two bytes, again and again."""
    head = b"POST /predict HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    message = head + b"2\r\n  \r\n" * 8_800 + b"0\r\n\r\n"
    made: socket.socket | None = None
    for _ in target.rounds():
        try:
            made = made or target.connect()
            made.sendall(message)
            if not made.recv(65_536):
                made = None
        except OSError:
            made = None


def packed_to_burst(target: Target) -> None:
    """8 kB that unpack to nearly as much as a body may be, all of it rows, tensors or labels."""
    bodies = {
        "/predict": b'{"instances":[' + b"{}," * 2_790_000 + b"{}]}",
        "/v2/models/flights/infer": b'{"inputs":[' + b"{}," * 2_790_000 + b"{}]}",
        "/feedback": b"[" + b"0," * 1_000_000 + b"0]",
    }
    packed = [(path, gzip.compress(body, 9)) for path, body in bodies.items()]
    for number in target.rounds():
        path, body = packed[number % len(packed)]
        target.ask(path, body, {"Content-Encoding": "gzip"})


def packed_as_far_as_allowed(target: Target) -> None:
    """7.5 MB packed to 26 kB, about as far as a body may unpack: one row, then rows of the largest
    size.
    """
    part = base64.b64encode(os.urandom(75)) * 300
    rows = [b'{"a":"%b"}' % (part * 250), b",".join([b'{"a":"%b"}' % (part * 8)] * 30)]
    packed = [gzip.compress(b'{"instances":[%b]}' % row, 9) for row in rows]
    for number in target.rounds():
        target.ask("/predict", packed[number % len(packed)], {"Content-Encoding": "gzip"})


def calls_of_ten_thousand_labels(target: Target) -> None:
    """Calls of 10,000 labels that are no class, packed to a few kilobytes, eight at a time."""
    entry = b'{"prediction_id":"%b","label":7}' % target.prediction().encode()
    body = gzip.compress(b"[" + b",".join([entry] * 10_000) + b"]", 9)
    head = b"POST /feedback HTTP/1.1\r\nHost: x\r\nContent-Encoding: gzip\r\n"
    message = head + b"Content-Length: %d\r\n\r\n" % len(body) + body
    for _ in target.rounds(0.1):
        with suppress(OSError), ExitStack() as stack:
            senders = [stack.enter_context(target.connect()) for _ in range(8)]
            for sender in senders:
                sender.settimeout(60)
                sender.sendall(message)
            for sender in senders:
                sender.recv(65_536)


def headers_that_lie(target: Target) -> None:
    """Numbers of 400 digits, versions that are not there, long cookies and ids."""
    body = target.rows(1)
    token = base64.b64encode(os.urandom(90)).decode()
    lies: list[Headers] = [
        {"X-Timeout-Ms": "9" * 400},
        {"X-Timeout-Ms": "-1"},
        {"X-Model-Version": "v999"},
        {"X-Model-Version": "v2"},
        {"Cookie": "a=b;" * 1_500},
        {"X-Unit-Id": token * 40},
        {"X-Request-Id": "\xff" * 4_000},
        {"Content-Type": "text/plain", "Content-Encoding": "br"},
    ]
    for number in target.rounds(0.005):
        target.ask("/predict", body, lies[number % len(lies)])


def pages(target: Target) -> None:
    """Every page that there is, as fast as one client can."""
    paths = (
        "/",
        "/docs",
        "/openapi.json",
        "/status",
        "/metrics",
        "/whoserved/x",
        "/v2",
        "/v2/models/flights",
        "/no",
    )
    for number in target.rounds(0.01):
        target.ask(paths[number % len(paths)], b"", method="GET")


def deeply_nested(target: Target) -> None:
    """JSON that is nothing but brackets."""
    body = b'{"instances":' + b"[" * 500_000 + b"]" * 500_000 + b"}"
    for _ in target.rounds(0.1):
        target.ask("/predict", body)


ATTACKS: dict[str, Callable[[Target], None]] = {
    attack.__name__.replace("_", " "): attack
    for attack in (
        spellings_of_one_id,
        labels_beyond_rows,
        flood_of_labels,
        tight_deadlines,
        one_request_id_refused,
        one_request_id_answered,
        ten_thousand_bad_rows,
        rows_of_another_kind,
        idle_connections,
        half_sent_bodies,
        half_sent_heads,
        answers_not_read,
        gzip_bombs,
        tiny_chunks,
        packed_to_burst,
        packed_as_far_as_allowed,
        calls_of_ten_thousand_labels,
        headers_that_lie,
        pages,
        deeply_nested,
    )
}


def main() -> None:
    """Attack at the lowest priority: a real attacker has processors of its own."""
    name, url = sys.argv[1:]
    os.nice(19)
    ATTACKS[name](Target(url))


if __name__ == "__main__":
    main()
