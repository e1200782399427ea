"""A server on port 0 that answers as a test says, with the faults of a network too, and keeps what
it was asked.
"""

import json
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

TOKEN = "HRKU-11111111-2222-3333-4444-555555555555"


@dataclass(frozen=True)
class Asked:
    """One request."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body's value, None where there is none."""
        return json.loads(self.body) if self.body else None


@dataclass(frozen=True)
class Reply:
    """One answer. cut: bytes of the body that are sent before the connection is reset; None for the
    whole.
    """

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    cut: int | None = None


def answered(value: Any, status: int = 200, **headers: str) -> Reply:
    """JSON; headers with `_` for `-`."""
    named = {name.replace("_", "-"): text for name, text in headers.items()}
    return Reply(status, json.dumps(value).encode(), {"Content-Type": "application/json", **named})


def refused(status: int, id_: str, message: str = "no", **more: Any) -> Reply:
    """An error as Heroku words it."""
    return answered({"id": id_, "message": message, **more}, status, Request_Id=f"req-{status}")


HTML = Reply(500, b"<html><h1>Application Error</h1></html>", {"Content-Type": "text/html"})
RESET = Reply(cut=0)


class Scripted:
    """`answer` decides; `asked` keeps every request in order."""

    def __init__(self, answer: Callable[[Asked], Reply]) -> None:
        self.answer = answer
        self.asked: list[Asked] = []
        self.url = ""

    def calls(self, method: str = "", path: str = "") -> list[Asked]:
        """The requests of a method whose path begins so."""
        return [
            each
            for each in self.asked
            if each.method.startswith(method) and each.path.startswith(path)
        ]


def in_turn(*replies: Reply) -> Callable[[Asked], Reply]:
    """One after the other; the last one again and again."""
    waiting = list(replies)
    return lambda _: waiting.pop(0) if len(waiting) > 1 else waiting[0]


@contextmanager
def serving(answer: Callable[[Asked], Reply]) -> Iterator[Scripted]:
    """A running server."""
    script = Scripted(answer)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_any(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            asked = Asked(self.command, self.path, dict(self.headers.items()), body)
            script.asked.append(asked)
            reply = script.answer(asked)
            if reply.cut == 0:
                self.reset()
                return

            self.send_response(reply.status)
            for name, value in reply.headers.items():
                self.send_header(name, value)

            self.send_header("Content-Length", str(len(reply.body)))
            self.end_headers()
            self.wfile.write(reply.body if reply.cut is None else reply.body[: reply.cut])
            if reply.cut is not None:
                self.close_connection = True

        def __getattr__(self, name: str) -> Callable[[], None]:
            if name.startswith("do_"):
                return self.handle_any
            raise AttributeError(name)

        def reset(self) -> None:
            """End the connection without a word, as a reset."""
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.close_connection = True
            self.connection.close()

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_: Any) -> None:
            """A client that went away is no fault of the server."""

    server = Server(("127.0.0.1", 0), Handler)
    script.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield script
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
