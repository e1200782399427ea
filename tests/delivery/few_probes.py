"""Fewer probe rows of every kind, for tests that are not about how many there are.

A pipeline that refuses rows, or is asked row by row, is asked about each of them alone.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from delivery.proof import probe_rows

FEW = {
    "TRAINING_ROWS": 40,
    "MOST_RARE": 5,
    "MOST_THRESHOLDS": 8,
    "MOST_BETWEEN": 10,
    "MOST_FAR": 10,
    "MOST_WORDS": 10,
    "TOGETHER_ROWS": 12,
    "MOVED_ROWS": 40,
}


@contextmanager
def fewer_probes() -> Iterator[None]:
    """As long as the context lasts."""
    with pytest.MonkeyPatch.context() as patch:
        for name, most in FEW.items():
            patch.setattr(probe_rows, name, most)

        yield
