"""Output that nobody has to read to the end: what was begun goes on when the reader of a pipe has
gone.
"""

import os
import sys
from typing import TextIO

_dropped: set[int] = set()
"""File numbers of the streams on which nobody reads any more."""


def reader_left() -> bool:
    """Whether standard output is a pipe whose reader has gone; who shows something without end
    stops then.
    """
    if sys.stdout is None or _dropped:
        return bool(_dropped)

    import select

    waiting = select.poll()
    waiting.register(sys.stdout.fileno(), 0)
    return any(events & (select.POLLERR | select.POLLNVAL) for _, events in waiting.poll(0))


def print_line(line: str, stream: TextIO | None) -> None:
    """Print a line at once; what cannot be written is dropped, now and from here on. None: a closed
    stream.
    """
    if stream is None:
        return

    try:
        print(line, file=stream, flush=True)
    except UnicodeEncodeError:
        print(line.encode("ascii", "backslashreplace").decode(), file=stream, flush=True)
    except OSError:
        # Python would try again to write what is left at the very end, and end with a traceback.
        nowhere, number = os.open(os.devnull, os.O_WRONLY), stream.fileno()
        os.dup2(nowhere, number)
        os.close(nowhere)
        _dropped.add(number)
