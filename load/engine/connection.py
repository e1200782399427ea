"""One kept connection with one request under way."""

import socket
import ssl
from typing import TYPE_CHECKING

from load.engine.http_answer import UNTIL_CLOSED, BadAnswer, Head, head_of, is_whole

if TYPE_CHECKING:
    from load.engine.sender import Sender

RECEIVED_AT_ONCE = 256 * 1024
LONGEST_ANSWER = 64 * 1024 * 1024
CONNECT_S = 20.0
_LATER = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)


class Connection:
    """A socket and what is under way on it.

    intended, sent, told: of the request, in seconds since the start; intended is None while it is
    idle; told: when the kernel told of the newest bytes. flags: of the request
    (load/engine/plan.py). user: of a closed loop. unsent: what there was no room for; is_watched:
    whether the kernel tells of new room."""

    __slots__ = (
        *("buffer", "flags", "head", "intended", "is_watched", "sender", "sent", "socket", "told"),
        *("unsent", "user"),
    )

    def __init__(self, sender: "Sender", made: socket.socket) -> None:
        self.sender, self.socket = sender, made
        self.intended: float | None = None
        self.sent = self.told = 0.0
        self.flags = 0
        self.user = 0
        self.buffer: bytearray | None = None
        self.head: Head | None = None
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

    def readable(self, told: float) -> None:
        """Take what came, and tell the sender when the answer is whole or the connection lost."""
        self.told = told
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
            self.sender.lost(self)

    def _take(self, data: bytes) -> None:
        if self.intended is None:
            # Nothing was asked: the server speaks out of turn.
            raise BadAnswer

        if self.buffer is not None:
            self.buffer += data
            if len(self.buffer) > LONGEST_ANSWER:
                raise BadAnswer
            if self.head is not None and len(self.buffer) < self.head.body + self.head.length:
                return

            data = bytes(self.buffer)

        head = self.head or head_of(data)
        if head is None or not is_whole(data, head):
            self.head = head
            if self.buffer is None:
                self.buffer = bytearray(data)
            return

        self.head = self.buffer = None
        self.sender.answered(self, head)

    def _closed(self) -> None:
        head = self.head
        if head is not None and head.length == UNTIL_CLOSED and self.intended is not None:
            self.sender.answered(self, head._replace(closes=True))
        else:
            self.sender.lost(self)


def connect(host: str, port: int, tls: bool) -> socket.socket:
    """A connected socket that does not block; raises OSError."""
    made = socket.create_connection((host, port), CONNECT_S)
    made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if tls:
        made = ssl.create_default_context().wrap_socket(made, server_hostname=host)

    made.setblocking(False)
    return made
