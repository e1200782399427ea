"""HTTP to a version or a router, over a unix socket or TCP, with a bearer token and no proxies."""

import http.client
import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from deployment.workspace.errors import Misconfigured

THROUGH = "SLUICE_CONNECT_THROUGH"
"""Names a `host:port` that answers for all https addresses in a rehearsal, without TLS."""


class Unreachable(Exception):
    """There was no answer, or one that cannot be read; the message says what happened."""


@dataclass(frozen=True)
class Response:
    """status: of HTTP; body: as it came."""

    status: int
    body: bytes

    def json(self) -> Any:
        """The body's value; raises Unreachable where it is no JSON."""
        try:
            return json.loads(self.body)
        except ValueError as error:
            raise Unreachable("the answer is no JSON") from error


class Connection:
    """One kept connection. Every call raises Unreachable when it breaks."""

    def __init__(self, connection: http.client.HTTPConnection, secret: str) -> None:
        self._connection = connection
        self._headers = {}
        if secret:
            self._headers["Authorization"] = f"Bearer {secret}"

    def get(self, path: str) -> Response:
        """GET a path."""
        return self._ask("GET", path, None, self._headers)

    def post(self, path: str, value: Any) -> Response:
        """POST a value as JSON."""
        return self.send(path, json.dumps(value).encode())

    def send(self, path: str, body: bytes) -> Response:
        """POST bytes that are JSON already."""
        return self._ask("POST", path, body, {**self._headers, "Content-Type": "application/json"})

    def _ask(self, method: str, path: str, body: bytes | None, headers: dict[str, str]) -> Response:
        try:
            self._connection.request(method, path, body, headers)
            answer = self._connection.getresponse()
            return Response(answer.status, answer.read())
        except (OSError, http.client.HTTPException) as error:
            self._connection.close()
            raise Unreachable(_because(error)) from error


def _because(error: Exception) -> str:
    """The reason; a missing socket, or one whose process ended, means that it does not run."""
    if isinstance(error, FileNotFoundError | ConnectionRefusedError):
        return "it does not run"
    return str(error) or type(error).__name__


@contextmanager
def line(address: str, secret: str, timeout_s: float) -> Iterator[Connection]:
    """A lazy connection to `unix:/path`, `http://host:port` or `https://host`."""
    connection = _connection(address, timeout_s)
    try:
        yield Connection(connection, secret)
    finally:
        connection.close()


class SocketConnection(http.client.HTTPConnection):
    """HTTP over a unix socket."""

    def __init__(self, path: str, timeout_s: float) -> None:
        super().__init__("localhost", timeout=timeout_s)
        self._path = path

    def connect(self) -> None:
        """Connect; a failed attempt leaves no socket open."""
        made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            made.settimeout(self.timeout)
            made.connect(self._path)
        except OSError:
            made.close()
            raise

        self.sock = made


class ThroughConnection(http.client.HTTPConnection):
    """HTTP to a front that knows by the Host header who is meant, as a rehearsal's does."""

    def __init__(self, host: str, through: str, timeout_s: float) -> None:
        super().__init__(host, timeout=timeout_s)
        self._through = through

    def connect(self) -> None:
        """Connect to the front."""
        front, _, port = self._through.rpartition(":")
        self.sock = socket.create_connection((front, int(port)), self.timeout)


def _connection(address: str, timeout_s: float) -> http.client.HTTPConnection:
    kind, _, rest = address.partition(":")
    host = rest.removeprefix("//").rstrip("/")
    through = os.environ.get(THROUGH, "")
    if kind == "https" and through:
        return ThroughConnection(host, through, timeout_s)

    match kind:
        case "unix":
            return SocketConnection(rest, timeout_s)
        case "http":
            return http.client.HTTPConnection(host, timeout=timeout_s)
        case "https":
            return http.client.HTTPSConnection(host, timeout=timeout_s)

    raise Misconfigured(
        f"'{address}' is no address: unix:/path, http://host:port or https://host is"
    )
