"""Writes log lines to a stream, and never waits for its reader.

A log's reader that hangs (a stopped supervisor, a terminal with Ctrl-S) would else hang every
request: a pipe takes 64 kB, and the next line waits for room. Here lines are lost then, and counted
in the next one that is written."""

import logging
import os
import select
from typing import Any

PIECE = select.PIPE_BUF
WAIT_MS = 50
"""How long a line that was begun may wait for room for its next piece."""


class UnhinderedLines(logging.Handler):
    """The handler. Forked processes may share its stream, threads its object."""

    def __init__(self, stream: Any) -> None:
        super().__init__()
        self._stream = stream
        self._lost = 0
        self._torn = False

    def emit(self, record: logging.LogRecord) -> None:
        """logging: write one record, or count it."""
        try:
            text = f"{self.format(record)}\n"
            if self._lost:
                text = f"{self.format(_record_of(self._lost))}\n{text}"

            if self._write(text):
                self._lost = 0
            else:
                self._lost += 1
        except Exception:  # noqa: BLE001
            self.handleError(record)

    def _write(self, text: str) -> bool:
        """Whether the stream had room for all of it."""
        try:
            number = self._stream.fileno()
        except (AttributeError, OSError):
            # A stream without a file, as tests have it.
            self._stream.write(text)
            return True

        if self._torn:
            text = f"\n{text}"

        data, wait_ms = text.encode("utf-8", "backslashreplace"), 0
        for start in range(0, len(data), PIECE):
            if not _has_room(number, wait_ms):
                self._torn = self._torn or start > 0
                return False

            os.write(number, data[start : start + PIECE])
            wait_ms = WAIT_MS

        self._torn = False
        return True


def _has_room(number: int, wait_ms: int) -> bool:
    """Whether a piece can be written at once; True where nobody reads any more, which an error
    tells then.
    """
    poll = select.poll()
    poll.register(number, select.POLLOUT)
    return bool(poll.poll(wait_ms))


def _record_of(lost: int) -> logging.LogRecord:
    message = "lines before this one were lost, since nobody read the log: %d"
    name = "sluice.logs"
    return logging.makeLogRecord(
        {
            "name": name,
            "levelno": logging.WARNING,
            "levelname": "WARNING",
            "msg": message,
            "args": (lost,),
        }
    )
