"""The generator's loop: waits for answers and for what is due, without a task a request.

One epoll and one timer: a response's time is taken as soon as the kernel has told of it."""

import ctypes
import gc
import queue
import select
import socket
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from io import FileIO
from operator import attrgetter
from typing import IO
from urllib.parse import urlsplit

import msgspec

from load.engine.connection import LoadConnection, connect
from load.engine.plan import LoadChunk, Plan
from load.engine.sender import Sender
from wire.load_mark import HEADER, RENEWED_S, make_mark

OPENED_AT_ONCE = 16
REPORTED_S = 0.2
EVENTS_AT_ONCE = 64
LONGEST_WAIT_S = 0.05
EPOLL_S = 0.001
"""epoll waits for whole milliseconds, select for microseconds but of a single file at once."""
PR_SET_TIMERSLACK = 29
START_S = 0.02
AGAIN_S = 0.1
"""After a connection could not be made."""


class Generator:
    """Sends a plan; tells by chunks what came of it, and stops as soon as anything is written to
    its input.
    """

    def __init__(self, plan: Plan, commands: FileIO, output: IO[bytes]) -> None:
        self.plan, self._commands = plan, commands
        parts = urlsplit(f"http://{plan.through}" if plan.through else plan.url)
        self._tls = parts.scheme == "https"
        self._host = parts.hostname or "127.0.0.1"
        self._port = parts.port or (443 if self._tls else 80)
        self._poll, self._by_number = select.epoll(), dict[int, LoadConnection]()
        self._versions: dict[bytes, int] = {}
        self._start = 0.0
        self._threads = ThreadPoolExecutor(OPENED_AT_ONCE)
        self._made: queue.SimpleQueue[tuple[Sender, socket.socket]] = queue.SimpleQueue()
        self.senders = [Sender(plan, stream, self._versions, self) for stream in plan.streams]
        self._writer = LoadChunkWriter(output)
        self._reported, self._used = 0.0, 0.0
        self._marked_at, self._over = float("-inf"), threading.Event()

    def now(self) -> float:
        """Seconds since the start."""
        return time.perf_counter() - self._start

    def run(self) -> None:
        """Send everything, and wait for the last answers. Raises OSError where nobody listens."""
        self._open_all()
        _wake_in_time()
        self._renew_mark()
        gc.collect()
        gc.freeze()
        gc.disable()
        self._start = time.perf_counter() + START_S
        self._used = time.process_time()
        for sender in self.senders:
            sender.begin()

        self._loop()
        for sender in self.senders:
            sender.give_up()

        self._report(last=True)
        self._over.set()
        self._writer.close()
        self._threads.shutdown(cancel_futures=True)

    def _loop(self) -> None:
        command = self._commands.fileno()
        self._poll.register(command, select.EPOLLIN)
        end = max(map(attrgetter("ends"), self.senders)) + self.plan.grace_s
        while not all(map(attrgetter("is_over"), self.senders)) and self.now() < end:
            events = self._events()
            arrived = self.now()
            for number, mask in events:
                connection = self._by_number.get(number)
                if number == command:
                    self._poll.unregister(command)
                    # The last answers are waited for from now on.
                    end = min(end, self.now() + self.plan.grace_s)
                    for sender in self.senders:
                        sender.stop()
                elif connection is not None:
                    self._ready(connection, mask, arrived)

            for sender in self.senders:
                if sender.next_due <= self.now():
                    sender.send_due()

            self._look_around()

    def _events(self) -> list[tuple[int, int]]:
        """What is ready, at the latest when something is due."""
        due = min(map(attrgetter("next_due"), self.senders)) - self.now()
        wait = min(due, LONGEST_WAIT_S)
        if wait > 2 * EPOLL_S:
            return self._poll.poll(wait - EPOLL_S, EVENTS_AT_ONCE)
        if wait > 0:
            select.select([self._poll.fileno()], [], [], wait)

        return self._poll.poll(0, EVENTS_AT_ONCE)

    def _ready(self, connection: LoadConnection, mask: int, arrived: float) -> None:
        has_room = mask & select.EPOLLOUT and connection.unsent
        if has_room and not connection.send(connection.unsent):
            connection.owner.lost(connection)
            return

        if mask & ~select.EPOLLOUT:
            connection.readable(arrived)

        self.watch(connection)

    def watch(self, connection: LoadConnection) -> None:
        """See Loop."""
        number = connection.socket.fileno()
        if number >= 0 and bool(connection.unsent) != connection.is_watched:
            connection.is_watched = bool(connection.unsent)
            more = select.EPOLLOUT if connection.unsent else 0
            self._poll.modify(number, select.EPOLLIN | more)

    def _look_around(self) -> None:
        """What is done now and then: new connections, the mark, and a report."""
        while not self._made.empty():
            self._add(*self._made.get())

        now = self.now()
        if now - self._reported >= REPORTED_S:
            self._report()
            self._renew_mark()

    def _renew_mark(self) -> None:
        now, signer = time.time(), self.plan.signer
        if now - self._marked_at < RENEWED_S:
            return

        self._marked_at, mark = now, b""
        if signer is not None:
            mark = f"{HEADER}: {make_mark(signer.key, signer.run, now)}\r\n".encode()

        for sender in self.senders:
            sender.mark(mark)

    def _report(self, last: bool = False) -> None:
        now, used = self.now(), time.process_time()
        busy = (used - self._used) / max(now - self._reported, 1e-6)
        self._reported, self._used = now, used
        columns, dropped = {}, 0
        for sender in self.senders:
            columns[sender.stream.name] = sender.take()
            dropped += sender.dropped

        versions = b"\n".join(self._versions).decode("latin-1").split("\n")
        oldest_s = max(0.0, now - min(map(attrgetter("oldest"), self.senders)))
        self._writer.write(LoadChunk(columns, versions, now, busy, dropped, oldest_s, last))

    def _open_all(self) -> None:
        """Open every connection before the start."""
        for sender in self.senders:
            made = self._threads.map(self._connect, range(sender.stream.connections))
            for one in made:
                self._add(sender, one)

    def _connect(self, _: int = 0) -> socket.socket:
        return connect(self._host, self._port, self._tls)

    def open_later(self, sender: Sender) -> None:
        """See Loop. Where nobody listens, it tries on: the requests that wait tell of it."""

        def opened() -> None:
            while not self._over.is_set():
                try:
                    self._made.put((sender, self._connect()))
                    return
                except OSError:
                    self._over.wait(AGAIN_S)

        with suppress(RuntimeError):
            self._threads.submit(opened)

    def _add(self, sender: Sender, made: socket.socket) -> None:
        connection = LoadConnection(sender, made)
        self._by_number[made.fileno()] = connection
        self._poll.register(made, select.EPOLLIN)
        sender.add(connection)
        self.watch(connection)

    def close(self, connection: LoadConnection) -> None:
        """See Loop."""
        number = connection.socket.fileno()
        if self._by_number.pop(number, None) is not None:
            self._poll.unregister(number)

        connection.socket.close()


class LoadChunkWriter:
    """Writes chunks in a thread, so that no request waits for the reader."""

    def __init__(self, output: IO[bytes]) -> None:
        self._output = output
        self._queue: queue.SimpleQueue[LoadChunk | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def write(self, chunk: LoadChunk) -> None:
        """Write it soon."""
        self._queue.put(chunk)

    def close(self) -> None:
        """Write what is left."""
        self._queue.put(None)
        self._thread.join()

    def _run(self) -> None:
        while (chunk := self._queue.get()) is not None:
            write_chunk(self._output, chunk)


def write_chunk(output: IO[bytes], chunk: LoadChunk) -> None:
    """As load/generator_process.py reads it."""
    body = msgspec.msgpack.encode(chunk)
    output.write(len(body).to_bytes(4, "big") + body)
    output.flush()


def _wake_in_time() -> None:
    """Have the kernel wake this process when its time has come, and not 50 microseconds later."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_TIMERSLACK, 1)
