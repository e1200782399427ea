"""Prints lines, also where the reader of a pipe has gone: an act that was begun still ends."""

import os
import sys
from typing import TextIO

_dropped: set[int] = set()
"""File numbers of the streams whose reader has gone."""


def printable(text: str) -> str:
    """A text in which control characters and ends of lines are escapes: names of columns, classes
    and values come from data, and must not steer a terminal.
    """
    if text.isprintable():
        return text

    import unicodedata

    shown = []
    for character in text:
        kind = unicodedata.category(character)
        if kind.startswith("C") or kind in ("Zl", "Zp"):
            character = character.encode("unicode_escape").decode()

        shown.append(character)

    return "".join(shown)


def reader_left() -> bool:
    """Whether standard output is a pipe whose reader has gone: endless output stops then."""
    if sys.stdout is None or _dropped:
        return bool(_dropped)

    import select

    poll = select.poll()
    poll.register(sys.stdout.fileno(), 0)
    return any(events & (select.POLLERR | select.POLLNVAL) for _, events in poll.poll(0))


def print_line(line: str, stream: TextIO | None) -> None:
    """Print a line at once; what cannot be written is dropped, now and later.

    stream: None if it is closed."""
    if stream is None:
        return

    try:
        print(line, file=stream, flush=True)
    except UnicodeEncodeError:
        print(line.encode("ascii", "backslashreplace").decode(), file=stream, flush=True)
    except OSError:
        # Python writes what is left in its buffer at exit, which would end in a traceback.
        null, number = os.open(os.devnull, os.O_WRONLY), stream.fileno()
        os.dup2(null, number)
        os.close(null)
        _dropped.add(number)
