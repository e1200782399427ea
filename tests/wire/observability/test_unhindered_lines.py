"""A log whose reader hangs or has gone holds nobody up."""

import logging
import os
import time
from collections.abc import Iterator
from io import StringIO

import pytest

from wire.observability.unhindered_lines import UnhinderedLines


class Piped:
    """A logger into a pipe of which somebody reads, or not."""

    def __init__(self) -> None:
        self.reader, writer = os.pipe()
        os.set_blocking(self.reader, False)
        self.stream = os.fdopen(writer, "w")
        self.log = logging.Logger("piped")
        self.log.addHandler(UnhinderedLines(self.stream))

    def read(self) -> str:
        """All that lies in the pipe."""
        parts = []
        try:
            while part := os.read(self.reader, 1_000_000):
                parts.append(part)
        except BlockingIOError:
            pass

        return b"".join(parts).decode()

    def stop_reading(self) -> None:
        """The reader is gone."""
        if self.reader >= 0:
            os.close(self.reader)
            self.reader = -1


@pytest.fixture
def piped() -> Iterator[Piped]:
    made = Piped()
    yield made
    made.stop_reading()
    made.stream.close()


@pytest.mark.parametrize("size", [20, 3_000, 10_000, 300_000])
def test_a_reader_that_hangs_holds_nobody_up_and_hears_of_what_was_lost(piped, size) -> None:
    begun = time.monotonic()
    for number in range(40):
        piped.log.warning("%d %s", number, "x" * size)
        piped.log.warning("y" * 60_000)

    assert time.monotonic() - begun < 20
    piped.read()
    piped.log.warning("again")
    lost, again = [line for line in piped.read().splitlines() if line]
    assert lost.startswith("lines before this one were lost, since nobody read the log: ")
    assert again == "again"


def test_a_line_longer_than_a_piece_comes_whole(piped) -> None:
    piped.log.warning("é" * 20_000)
    piped.log.warning("next")
    assert piped.read() == "é" * 20_000 + "\nnext\n"


def test_a_line_that_was_torn_is_not_continued_by_the_next(piped) -> None:
    piped.log.warning("x" * 300_000)
    piped.read()
    piped.log.warning("again")
    assert piped.read().startswith("\nlines before")


def test_a_reader_that_has_gone_is_no_fault(piped, capsys) -> None:
    piped.stop_reading()
    piped.log.warning("a line")
    assert "BrokenPipeError" in capsys.readouterr().err


def test_text_that_is_no_utf8_is_written_all_the_same(piped) -> None:
    piped.log.warning("a \ud800")
    assert piped.read() == "a \\ud800\n"


def test_a_stream_without_a_file_is_written_to() -> None:
    stream, log = StringIO(), logging.Logger("memory")
    log.addHandler(UnhinderedLines(stream))
    log.warning("a line")
    assert stream.getvalue() == "a line\n"
