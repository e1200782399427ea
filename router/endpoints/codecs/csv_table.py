"""MLflow's /invocations with text/csv: the first line names the columns, each other is a row."""

import csv
import io
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from math import isinf
from typing import Any

import msgspec

from router.endpoints.codecs.codec import PredictionCall
from router.endpoints.codecs.mlflow import Invocations, require_once, require_short, unequal
from router.problems import Problem
from router.requests.request_headers import RequestContext
from wire.null_words import NULL_WORDS
from wire.oip.request import MOST_VALUES
from wire.oip.rows import rows_of
from wire.oip.signature import TensorSignature

_WHOLE = re.compile(r"[+-]?[0-9]{1,40}", re.ASCII)
_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?", re.ASCII)
_BOOLS = {"true": True, "false": False}
_NULLS = frozenset(NULL_WORDS)


@dataclass(slots=True)
class CsvRows(PredictionCall):
    """The cells as texts. What they mean depends on the kinds of the version's columns.

    by_position: their kinds are asked for as names are elsewhere."""

    names: tuple[str, ...]
    cells: list[list[str]]
    by_position: bool = field(default=True, init=False)
    _made: dict[tuple[str, ...], list[msgspec.Raw]] = field(default_factory=dict, init=False)

    def rows(self, signature: TensorSignature | None) -> list[msgspec.Raw]:
        """See PredictionCall."""
        kinds = {}
        if signature is not None:
            kinds = {column.name: column.kind for column in signature.inputs}

        kinds_of_cells = tuple(kinds.get(name, "string") for name in self.names)
        if kinds_of_cells not in self._made:
            columns = zip(kinds_of_cells, zip(*self.cells, strict=True), strict=True)
            values = [list(map(_READERS.get(kind, _other), cells)) for kind, cells in columns]
            self._made[kinds_of_cells] = rows_of(self.names, values)

        return self._made[kinds_of_cells]

    def release(self) -> None:
        """See PredictionCall."""
        self.cells, self._made = [], {}


class CsvInvocations(Invocations):
    """The codec of /invocations, for CSV; answers are JSON."""

    def read(
        self,
        context: RequestContext,  # noqa: ARG002
        body: bytes,
        known: Sequence[TensorSignature],  # noqa: ARG002
    ) -> PredictionCall:
        """See Codec."""
        try:
            text = body.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise Problem(
                400, f"the body is not UTF-8 ({error.reason} at byte {error.start}): send it so"
            ) from error

        try:
            return self._table(csv.reader(io.StringIO(text, newline=""), strict=True))
        except csv.Error as error:
            raise Problem(400, f"the body is not CSV: {error}") from error

    def _table(self, lines: Iterator[list[str]]) -> CsvRows:
        """The table of the lines; raises Problem naming the row at fault."""
        names = tuple(next(lines, []))
        if not names:
            raise Problem(400, "the body is empty: send a line of names, then one line a row")

        require_once(names)
        most = min(self.limits.max_rows, MOST_VALUES // len(names))
        cells: list[list[str]] = []
        for line in lines:
            if not line:
                continue
            if len(cells) == most:
                raise Problem(
                    413, f"more than {most} rows in one request: at most {most} are allowed"
                )
            if len(line) != len(names):
                raise Problem(400, unequal(len(cells), len(line), len(names), names))

            cells.append(line)

        if not cells:
            raise Problem(400, "there are no rows: send one line a row after the names")

        require_short(names, len(cells))
        return CsvRows(names, cells)


def _float(cell: str) -> Any:
    """A number; another text stays as it is, so that the version names its row and column."""
    cell = cell.strip()
    if cell in _NULLS:
        return None
    if _NUMBER.fullmatch(cell) and not isinf(number := float(cell)):
        return number
    return cell


def _int(cell: str) -> Any:
    cell = cell.strip()
    if _WHOLE.fullmatch(cell):
        return int(cell)
    return _float(cell)


def _bool(cell: str) -> Any:
    cell = cell.strip()
    if cell in _NULLS:
        return None
    return _BOOLS.get(cell.lower(), cell)


def _text(cell: str) -> Any:
    return cell or None


def _other(cell: str) -> Any:
    """The text of a datetime, a decimal and the like."""
    if cell in _NULLS:
        return None
    return cell


_READERS: dict[str, Callable[[str], Any]] = {
    "float": _float,
    "int": _int,
    "bool": _bool,
    "string": _text,
}
