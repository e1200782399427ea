"""One kept connection with one request under way."""

import socket
import ssl
from typing import Protocol

from load.engine.http_answer import UNTIL_CLOSED, AnswerReader, BadAnswer, Head, head_of

RECEIVED_AT_ONCE = 256 * 1024
CONNECT_S = 20.0
_LATER = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)


class Owner(Protocol):
    """Who sends over connections, and hears how each request ended."""

    def answered(self, connection: "LoadConnection", head: Head) -> None:
        """An answer is whole."""

    def lost(self, connection: "LoadConnection") -> None:
        """The connection was closed, or what came is no answer."""


class LoadConnection:
    """A socket and what is under way on it.

    intended, sent, arrived: of the request, in seconds since the start; intended is None while it
    is idle; arrived: when the kernel told of the newest bytes. flags: of the request
    (load/engine/plan.py). user: of a closed loop. answer: that has come in part. unsent: what there
    was no room for; is_watched: whether the kernel tells of new room."""

    __slots__ = (
        *("answer", "arrived", "flags", "intended", "is_watched"),
        *("owner", "sent", "socket", "unsent", "user"),
    )

    def __init__(self, owner: Owner, made: socket.socket) -> None:
        self.owner, self.socket = owner, made
        self.intended: float | None = None
        self.sent = self.arrived = 0.0
        self.flags = 0
        self.user = 0
        self.answer: AnswerReader | None = None
        self.unsent, self.is_watched = b"", False

    def send(self, request: bytes) -> bool:
        """Send a request, or as much of it as there is room for; False where it is lost."""
        try:
            count = self.socket.send(request)
        except _LATER:
            count = 0
        except OSError:
            return False

        self.unsent = request[count:] if count < len(request) else b""
        return True

    def readable(self, arrived: float) -> None:
        """Take what came, and tell the sender when the answer is whole or the connection lost."""
        self.arrived = arrived
        try:
            data = self.socket.recv(RECEIVED_AT_ONCE)
        except _LATER:
            return
        except OSError:
            data = b""

        if not data:
            self._closed()
            return

        try:
            self._take(data)
        except BadAnswer:
            self.owner.lost(self)

    def _take(self, data: bytes) -> None:
        if self.intended is None:
            # Nothing was asked: the server speaks out of turn.
            raise BadAnswer

        if self.answer is None:
            head = head_of(data)
            if head is not None and head.body + head.length == len(data):
                self.owner.answered(self, head)
                return

            self.answer = AnswerReader()

        answer = self.answer
        if answer.is_whole_with(data):
            self.answer = None
            assert answer.head is not None
            self.owner.answered(self, answer.head)

    def _closed(self) -> None:
        head = self.answer.head if self.answer is not None else None
        if head is not None and head.length == UNTIL_CLOSED and self.intended is not None:
            self.owner.answered(self, head._replace(closes=True))
        else:
            self.owner.lost(self)


def connect(host: str, port: int, tls: bool) -> socket.socket:
    """A connected socket that does not block; raises OSError."""
    made = socket.create_connection((host, port), CONNECT_S)
    made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if tls:
        made = ssl.create_default_context().wrap_socket(made, server_hostname=host)

    made.setblocking(False)
    return made
