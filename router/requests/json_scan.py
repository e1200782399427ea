"""Counts and measures the elements of a JSON body's lists without decoding them.

numpy scans slices of the body and lets other threads run meanwhile. A body that is not JSON is
scanned as if it were; its decoder will report the error."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

SLICE_BYTES = 128 * 1024
_QUOTE, _BACKSLASH, _COMMA, _LIST = map(ord, '"\\,[')


def _of_signs(values: Mapping[str, int]) -> NDArray[np.int8]:
    """A table of all bytes with these values for these characters, else 0."""
    table = np.zeros(256, np.int8)
    for sign, value in values.items():
        table[ord(sign)] = value

    return table


_LOOKED_AT = _of_signs(dict.fromkeys('[]{},"', 1)).astype(bool)
_STEPS = _of_signs({"[": 1, "{": 1, "]": -1, "}": -1})


def too_many(body: bytes, most: Mapping[int, int]) -> int | None:
    """The first depth whose lists have too many elements together, else None.

    most: by depth, the elements allowed. The outermost list or object has depth 1; an empty list
    counts as one element."""
    for scan in _scans(body, tuple(most)):
        for depth, bound in most.items():
            if scan.elements[depth] > bound:
                return depth

    return None


def too_many_or_large(body: bytes, depth: int, most: int, most_bytes: int) -> str | None:
    """The limit that the elements at one depth exceed first, else None.

    Returns "number" for more than `most` elements together, "size" for one of more than
    `most_bytes`, including the blanks around it."""
    for scan in _scans(body, (depth,)):
        if scan.elements[depth] > most:
            return "number"
        if scan.largest[depth] > most_bytes:
            return "size"

    return None


def _scans(body: bytes, depths: tuple[int, ...]) -> "Iterator[ListScan]":
    """The state of the scan after each slice."""
    scan = ListScan(depths)
    for start in range(0, len(body), SLICE_BYTES):
        scan.read(np.frombuffer(body, np.uint8, min(SLICE_BYTES, len(body) - start), start))
        yield scan


@dataclass
class ListScan:
    """The state of a scan.

    elements: by depth, the elements of all lists together.
    in_list: by depth, whether the container that began last is a list.
    largest: by depth, the bytes of the largest element of a list or object.
    odd_backslashes: whether the last slice ended with an odd number of backslashes."""

    depths: tuple[int, ...]
    elements: dict[int, int] = field(init=False)
    in_list: dict[int, bool] = field(init=False)
    largest: dict[int, int] = field(init=False)
    bytes_read: int = 0
    depth: int = 0
    in_text: bool = False
    odd_backslashes: bool = False

    def __post_init__(self) -> None:
        self.elements = dict.fromkeys(self.depths, 0)
        self.in_list = dict.fromkeys(self.depths, False)
        self.largest = dict.fromkeys(self.depths, 0)
        # By depth, where the current element began; None outside of elements.
        self._began: dict[int, int | None] = dict.fromkeys(self.depths)

    def read(self, piece: NDArray[np.uint8]) -> None:
        """Scan the next slice of the body."""
        at = self._outside_texts(piece)
        signs = piece[at]
        steps = _STEPS[signs]
        depths = np.cumsum(steps, dtype=np.int64) + self.depth
        if len(depths):
            self.depth = int(depths[-1])

        for depth in self.depths:
            self._count(depth, signs, steps, depths)
            ends = (depths == depth - 1) & (steps == -1)
            within = (depths == depth) & ((steps == 1) | (signs == _COMMA))
            bounds = np.flatnonzero(ends | within)
            self._measure(depth, at[bounds] + self.bytes_read, ends[bounds], len(piece))

        self.bytes_read += len(piece)

    def _count(
        self,
        depth: int,
        signs: NDArray[np.uint8],
        steps: NDArray[np.int8],
        depths: NDArray[np.int64],
    ) -> None:
        here = depths == depth
        begun = np.flatnonzero(here & (steps == 1))
        commas = np.flatnonzero(here & (signs == _COMMA))
        # Of the container that began before this slice, then of those that begin in it.
        lists = np.concatenate(([self.in_list[depth]], signs[begun] == _LIST))
        within = np.searchsorted(begun, commas)
        self.elements[depth] += int(lists[1:].sum()) + int(lists[within].sum())
        self.in_list[depth] = bool(lists[-1])

    def _measure(
        self, depth: int, bounds: NDArray[np.int64], ends: NDArray[np.bool_], read: int
    ) -> None:
        """Measure the elements between these bounds, and the one that is still open.

        bounds: positions in the body. ends: which of them end a list or object, so that no element
        begins there. read: bytes of this slice."""
        began = self._began[depth]
        starts = bounds[:-1][~ends[:-1]]
        sizes = bounds[1:][~ends[:-1]] - starts - 1
        open_since = began
        if len(bounds):
            open_since = None if ends[-1] else int(bounds[-1])
            if began is not None:
                sizes = np.append(sizes, bounds[0] - began - 1)

        if open_since is not None:
            sizes = np.append(sizes, self.bytes_read + read - open_since - 1)

        self._began[depth] = open_since
        self.largest[depth] = max(self.largest[depth], int(sizes.max(initial=0)))

    def _outside_texts(self, piece: NDArray[np.uint8]) -> NDArray[np.int64]:
        """The positions of brackets, braces and commas outside of strings."""
        at = np.flatnonzero(_LOOKED_AT[piece])
        signs = piece[at]
        quotes = (signs == _QUOTE) & ~self._escaped(piece, at)
        texts_begun = np.cumsum(quotes, dtype=np.int64) + self.in_text
        if len(texts_begun):
            self.in_text = bool(texts_begun[-1] & 1)
        outside: NDArray[np.int64] = at[(texts_begun & 1 == 0) & (signs != _QUOTE)]
        return outside

    def _escaped(self, piece: NDArray[np.uint8], at: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Whether an odd number of backslashes precedes each position in `at`."""
        backslashes = piece == _BACKSLASH
        before = int(self.odd_backslashes)
        if not before and not backslashes.any():
            return np.zeros(len(at), np.bool_)

        # The last position before each without a backslash; -1 and -2 precede the slice.
        places = np.arange(len(piece))
        others = np.maximum.accumulate(np.where(backslashes, -1 - before, places))
        others = np.concatenate(([-1 - before], others))
        odd = (np.arange(-1, len(piece)) - others) & 1 == 1
        self.odd_backslashes = bool(odd[-1])
        escaped: NDArray[np.bool_] = odd[at]
        return escaped
