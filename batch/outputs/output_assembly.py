"""Puts outputs together while later units are still predicted."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from threading import Condition, Thread
from typing import Self

Key = tuple[int, int]
"""Numbers of a file and of one of its units."""


class _Unfinished(Exception):
    """A unit that no longer comes."""


class OutputAssembly:
    """A thread that writes file by file, and waits for each of a file's units in order.

    units: their numbers, by file. complete: what an earlier run predicted. write: writes the
    output of a file, given its number and, as they are complete, the numbers of its units; it lets
    through what the numbers raise. Left by an exception, it ends where it is.
    """

    def __init__(
        self,
        units: Sequence[Sequence[int]],
        complete: Iterable[Key],
        write: Callable[[int, Iterator[int]], None],
    ) -> None:
        self._units, self._write = units, write
        self._complete = set(complete)
        self._ended = self._abandoned = False
        self._error: Exception | None = None
        self._changed = Condition()
        self._thread = Thread(target=self._run, name="outputs", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_more: object) -> None:
        self._abandoned = kind is not None
        self._end()

    def add(self, unit: Key) -> None:
        """A unit is complete. Raises what ended the thread early."""
        with self._changed:
            self._complete.add(unit)
            self._changed.notify()
            self._require_no_error()

    def finish(self) -> None:
        """No unit comes any more: write the files that are whole. Raises what ended the thread."""
        self._end()
        self._require_no_error()

    def _end(self) -> None:
        with self._changed:
            self._ended = True
            self._changed.notify()

        self._thread.join()

    def _require_no_error(self) -> None:
        if self._error is not None:
            raise self._error

    def _run(self) -> None:
        try:
            for number, units in enumerate(self._units):
                self._write_whole(number, units)
        except Exception as error:  # noqa: BLE001 (it is raised where the run hears of it)
            self._error = error

    def _write_whole(self, number: int, units: Sequence[int]) -> None:
        with suppress(_Unfinished):
            self._write(number, self._awaited(number, units))

    def _awaited(self, number: int, units: Sequence[int]) -> Iterator[int]:
        for unit in units:
            self._await((number, unit))
            yield unit

    def _await(self, key: Key) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._ended or key in self._complete)
            if self._abandoned or key not in self._complete:
                raise _Unfinished
