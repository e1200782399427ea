"""Reports each distinct warning of a delivery once, in one line with its origin."""

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TextIO


@contextmanager
def each_warning_once(report: Callable[[str], None]) -> Iterator[None]:
    """Report the warnings that Python's filters let through; equal ones of one kind only once."""
    reported: set[str] = set()

    def show(
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        file: TextIO | None = None,  # noqa: ARG001 (Python calls it so)
        line: str | None = None,  # noqa: ARG001 (as above)
    ) -> None:
        first, _, _ = str(message).strip().partition("\n")
        text = f"{category.__name__}: {first.rstrip()}"
        if text not in reported:
            reported.add(text)
            report(f"{text} ({filename.rpartition('site-packages/')[2]}, line {lineno})")

    with warnings.catch_warnings():
        warnings.showwarning = show
        yield
