"""Warnings of other people's code while a version is delivered: each is told once, in one line,
with its origin.
"""

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TextIO


@contextmanager
def each_warning_once(report: Callable[[str], None]) -> Iterator[None]:
    """Tell the warnings that Python's filters let through by `report`; the same words of one kind
    are told once.
    """
    told: set[str] = set()

    def tell(
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        file: TextIO | None = None,  # noqa: ARG001 (Python calls it so)
        line: str | None = None,  # noqa: ARG001 (as above)
    ) -> None:
        words = f"{category.__name__}: {(str(message).strip().splitlines() or [''])[0]}"
        if words not in told:
            told.add(words)
            report(f"{words} ({filename.rpartition('site-packages/')[2]}, line {lineno})")

    with warnings.catch_warnings():
        warnings.showwarning = tell
        yield
