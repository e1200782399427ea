"""MLflow's /invocations: its four forms of JSON, and CSV. Answers and errors are MLflow's, too.

https://mlflow.org/docs/latest/ml/deployment/deploy-model-locally/ (the scoring server)."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, TypeVar

import msgspec

from router.dispatch.work_items import Predicted
from router.endpoints.codecs.codec import (
    JSON,
    AnsweredCall,
    Codec,
    Encoded,
    NamedRows,
    PredictionCall,
    first_bad_row,
    status_of_bad_rows,
)
from router.endpoints.codecs.predict_json import outputs_member
from router.problems import Problem
from router.requests.json_errors import json_fault, without_bom
from router.requests.json_scan import too_many
from router.requests.request_headers import RequestContext
from wire.oip.request import MOST_VALUES, NO_JSON
from wire.oip.rows import MOST_NAME_BYTES, as_many, first_twice
from wire.oip.signature import TensorSignature

FORMS = ("dataframe_split", "dataframe_records", "instances", "inputs")
WHAT_TO_SEND = "send one of " + ", ".join(f"`{form}`" for form in FORMS)
# MLflow's names of errors.
_CODES = {
    400: "BAD_REQUEST",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "RESOURCE_DOES_NOT_EXIST",
    405: "BAD_REQUEST",
    408: "BAD_REQUEST",
    413: "REQUEST_LIMIT_EXCEEDED",
    415: "INVALID_PARAMETER_VALUE",
    422: "BAD_REQUEST",
    503: "TEMPORARILY_UNAVAILABLE",
    504: "TEMPORARILY_UNAVAILABLE",
}
_NOTHING = (b"null", b"{}")
# Lists at these depths hold rows or values.
_DEPTHS = (2, 3, 4)
T = TypeVar("T")
_NULL = msgspec.Raw(b"null")


class InvocationBody(msgspec.Struct, forbid_unknown_fields=True):
    """The body: one of the four forms, whose values stay raw; null for the others."""

    dataframe_split: msgspec.Raw = _NULL
    dataframe_records: msgspec.Raw = _NULL
    instances: msgspec.Raw = _NULL
    inputs: msgspec.Raw = _NULL
    params: msgspec.Raw = _NULL


class SplitFrame(msgspec.Struct, forbid_unknown_fields=True):
    """pandas' orient "split"; `index` is not read."""

    data: list[list[msgspec.Raw]]
    columns: list[Any] | None = None
    index: msgspec.Raw = _NULL


_body = msgspec.json.Decoder(InvocationBody).decode
_split = msgspec.json.Decoder(SplitFrame).decode
_list = msgspec.json.Decoder(list[msgspec.Raw]).decode
_lists = msgspec.json.Decoder(list[list[msgspec.Raw]]).decode
_columns = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_encode = msgspec.json.Encoder().encode


@dataclass(slots=True)
class ValueRows(PredictionCall):
    """Rows of raw values. names: of the columns, None where they are the version's, in order."""

    values: list[Sequence[msgspec.Raw]]
    names: tuple[str, ...] | None
    by_position: bool = field(init=False)
    _made: dict[tuple[str, ...], list[msgspec.Raw]] = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        """Rows without names need a version's."""
        self.by_position = self.names is None

    def rows(self, signature: TensorSignature | None) -> list[msgspec.Raw]:
        """See PredictionCall."""
        names = self.names
        if names is None:
            order = signature.names if signature is not None else ()
            names = as_many(order, max(map(len, self.values)))

        if names not in self._made:
            self._made[names] = [_row(names, row) for row in self.values]

        return self._made[names]

    def release(self) -> None:
        """See PredictionCall."""
        self.values, self._made = [], {}


class Invocations(Codec):
    """The codec of /invocations, for JSON."""

    asks_signatures = True

    def read(
        self,
        context: RequestContext,  # noqa: ARG002
        body: bytes,
        known: Sequence[TensorSignature],  # noqa: ARG002
    ) -> PredictionCall:
        """See Codec."""
        body = without_bom(body)
        return _readable(body, lambda: self._call(body))

    def answer(self, answered: AnsweredCall) -> Encoded:
        """See Codec."""
        predicted = answered.predicted
        rows = b",".join(predicted.predictions)
        return [JSON], b'{"predictions":[%b]%b}' % (rows, outputs_member(predicted))

    def refusal(self, problem: Problem) -> Encoded:
        """See Codec."""
        code = _CODES.get(problem.status, "INTERNAL_ERROR")
        body = _encode({"error_code": code, "message": problem.detail})
        return [JSON, *problem.headers()[1:]], body

    def bad_rows(
        self,
        call: PredictionCall,  # noqa: ARG002
        version: str,  # noqa: ARG002
        predicted: Predicted,
        signature: TensorSignature | None,  # noqa: ARG002
    ) -> Problem:
        """See Codec."""
        return Problem(status_of_bad_rows(predicted, 400), first_bad_row(predicted))

    def _call(self, body: bytes) -> PredictionCall:
        # The rows' texts would be decoded one by one, where invalid UTF-8 has no place any more.
        body.decode()
        if len(body) > self.inline_bytes:
            _require_few(body)

        sent = _body(body)
        given = [form for form in FORMS if not _is_null(getattr(sent, form))]
        if len(given) != 1:
            raise Problem(400, f"the body has {len(given)} of the forms: {WHAT_TO_SEND}")
        if bytes(sent.params).strip() not in _NOTHING:
            raise Problem(400, "`params` are not taken: the model has none, leave them out")

        call = _READERS[given[0]](getattr(sent, given[0]))
        if not _count(call):
            raise Problem(400, f"`{given[0]}` is empty: send at least one row")

        self.require_rows(_count(call))
        return call


def _from_split(raw: msgspec.Raw) -> PredictionCall:
    frame = _split(raw)
    names = frame.columns
    if names is None or (names and names == list(range(len(names)))):
        # pandas' own numbers of columns that have no names.
        return _by_position(frame.data)

    if not all(isinstance(name, str) for name in names):
        raise Problem(400, "`columns` is a list of names: a name is a string")

    return _named(tuple(names), list(frame.data))


def _from_records(raw: msgspec.Raw) -> PredictionCall:
    return NamedRows(_list(raw))


def _from_instances(raw: msgspec.Raw) -> PredictionCall:
    """Rows as objects, as lists, or as values of the only column."""
    rows = _list(raw)
    first = bytes(memoryview(rows[0])[:16]).lstrip()[:1] if rows else b"{"
    if first == b"{":
        return NamedRows(rows)
    if first == b"[":
        return _by_position(_lists(raw))

    return ValueRows([[value] for value in rows], None)


def _from_inputs(raw: msgspec.Raw) -> PredictionCall:
    """Columns as lists in an object; else rows."""
    if bytes(memoryview(raw)[:16]).lstrip()[:1] != b"{":
        return _from_instances(raw)

    columns = {name: _column(name, values) for name, values in _columns(raw).items()}
    _require_one_length(columns)
    return _named(tuple(columns), list(zip(*columns.values(), strict=True)))


def _column(name: str, values: msgspec.Raw) -> list[msgspec.Raw]:
    try:
        return _list(values)
    except msgspec.ValidationError as error:
        raise Problem(
            400, f"column {name!r} of `inputs` is no list ({error}): send a list of one value a row"
        ) from error


def _require_one_length(columns: Mapping[str, Sequence[msgspec.Raw]]) -> None:
    """Raise Problem naming the first column that has not as many values as the one before it."""
    for (before, values), (name, others) in pairwise(columns.items()):
        if len(others) != len(values):
            raise Problem(
                400,
                f"column {name!r} of `inputs` has {len(others)} values and column {before!r} has "
                f"{len(values)}: send a value for each row, null where it is missing",
            )


_READERS: dict[str, Callable[[msgspec.Raw], PredictionCall]] = {
    "dataframe_split": _from_split,
    "dataframe_records": _from_records,
    "instances": _from_instances,
    "inputs": _from_inputs,
}


def _is_null(raw: msgspec.Raw) -> bool:
    return len(raw) == len(_NULL) and bytes(raw) == b"null"


def require_once(names: Sequence[str]) -> None:
    """Raise Problem 400 for a name that two columns have."""
    if len(set(names)) != len(names):
        raise Problem(400, given_twice(names))


def require_short(names: Sequence[str], rows: int) -> None:
    """Raise Problem 413 for names that would stand in too many rows: each row has all of them."""
    if rows * sum(map(len, names)) > MOST_NAME_BYTES:
        raise Problem(413, "the columns' names are too long for so many rows: send fewer at once")


def _named(names: tuple[str, ...], rows: Sequence[Sequence[msgspec.Raw]]) -> ValueRows:
    require_once(names)
    _require_equal(rows, len(names), names)
    require_short(names, len(rows))
    return ValueRows(list(rows), names)


def given_twice(names: Sequence[str]) -> str:
    """What is wrong with names of which one stands twice."""
    return f"column {first_twice(names)!r} is given twice: give each column a name of its own"


def _by_position(rows: Sequence[Sequence[msgspec.Raw]]) -> ValueRows:
    _require_equal(rows, len(rows[0]) if rows else 0)
    return ValueRows(list(rows), None)


def _require_equal(
    rows: Sequence[Sequence[msgspec.Raw]], width: int, names: Sequence[str] = ()
) -> None:
    for number, row in enumerate(rows):
        if len(row) != width:
            raise Problem(400, unequal(number, len(row), width, names))


def unequal(row: int, count: int, width: int, names: Sequence[str] = ()) -> str:
    """What is wrong with a row of so many values for `width` columns. names: theirs, if any."""
    fault = f"row {row} has {count} values for {width} columns"
    if count < len(names):
        return f"{fault}: column {names[count]!r} has none, send null where a value is missing"

    return f"{fault}: send one value a column"


def _count(call: PredictionCall) -> int:
    if isinstance(call, NamedRows):
        return len(call.named)

    assert isinstance(call, ValueRows)
    return len(call.values)


def _row(names: tuple[str, ...], values: Sequence[msgspec.Raw]) -> msgspec.Raw:
    return msgspec.Raw(_encode(dict(zip(names, values, strict=True))))


def _require_few(body: bytes) -> None:
    """Raise Problem 413 for more values than are decoded at once."""
    if too_many(body, dict.fromkeys(_DEPTHS, MOST_VALUES)) is not None:
        raise Problem(
            413,
            f"more than {MOST_VALUES} values in one request: at most {MOST_VALUES} are allowed, "
            "send the rows in several requests",
        )


def _readable(body: bytes, read: Callable[[], T]) -> T:
    """What `read` returns; raises Problem for what it raises."""
    try:
        return read()
    except NO_JSON as error:
        raise Problem(400, json_fault(body, error, WHAT_TO_SEND)) from error
