"""From JSON to columns: every row is answered for, either by its values or by what is wrong with
it.
"""

import json
import math

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.bundle import Column, FrameColumn
from service.rows import Malformed, RowReader

KINDS = ("float", "int", "bool", "string")
COLUMNS = [Column(name=kind, dtype=kind, nullable=False) for kind in KINDS]
COLUMNS += [Column(name=f"{kind}?", dtype=kind, nullable=True) for kind in KINDS]
GOOD = {"float": 1.5, "int": 3, "bool": True, "string": "Oslo"} | {
    f"{kind}?": None for kind in KINDS
}
READER = RowReader(COLUMNS)


def read(*rows):
    """The rows as a body, decoded."""
    return READER.read(json.dumps({"instances": rows}).encode())


def raw(column, text):
    """A good row, but for the JSON text of one value."""
    rest = json.dumps({name: value for name, value in GOOD.items() if name != column})
    return b'{"instances": [{"%b": %b, %b]}' % (column.encode(), text.encode(), rest[1:].encode())


def fault(decoded):
    """The one error of a request with one row."""
    (error,) = decoded.errors
    assert (decoded.total, decoded.kept, error.row, error.status) == (1, [], 0, 422)
    return error.column, error.detail


def test_good_rows_become_columns_of_the_dtypes_that_models_take():
    columns = read(
        GOOD, {**GOOD, "float?": 2.5, "int?": 4, "bool?": True, "string?": "Bergen"}
    ).columns
    kinds = {name: str(array.dtype) for name, array in columns.items()}
    assert kinds == {"float": "float64", "int": "int64", "bool": "bool", "string": "object"} | {
        "float?": "float64",
        "int?": "object",
        "bool?": "object",
        "string?": "object",
    }
    for name, value in (("string?", "Bergen"), ("int?", 4), ("bool?", True)):
        assert columns[name].tolist() == [None, value]
        assert type(columns[name][1]) is type(value)

    assert math.isnan(columns["float?"][0])
    assert columns["float?"][1] == 2.5


def test_an_integer_that_may_be_null_keeps_every_digit():
    """As a float it would be an even number."""
    assert read({**GOOD, "int?": 2**53 + 1}).columns["int?"].tolist() == [2**53 + 1]


@pytest.mark.parametrize(
    ("dtype", "held", "fits", "too_large"),
    [
        ("int", "int8", 127, 128),
        ("int", "UInt8", 255, -1),
        ("int", "int32", -(2**31), 2**31),
        ("int", "int16[pyarrow]", 32767, 32768),
        ("int", "int64", 2**63 - 1, 2**63),
        ("float", "float16", 65504.0, 65536.0),
    ],
)
def test_a_number_that_the_pipelines_own_column_cannot_hold_is_refused(
    dtype, held, fits, too_large
):
    """It would come out as another one: 128 as -128."""
    column = Column(name="x", dtype=dtype, nullable=False, frame=FrameColumn(dtype=held))
    reader = RowReader([column])
    assert reader.read(json.dumps({"instances": [{"x": fits}]}).encode()).columns["x"].tolist() == [
        fits
    ]
    (error,) = reader.read(json.dumps({"instances": [{"x": too_large}]}).encode()).errors
    assert (error.status, error.column) == (422, "x")


def test_the_order_of_a_rows_columns_does_not_matter():
    assert read(dict(reversed(GOOD.items()))).columns["int"].tolist() == [3]


def test_no_rows_are_no_error():
    decoded = read()
    assert (decoded.total, decoded.kept, decoded.errors) == (0, [], [])
    assert decoded.columns["int"].dtype == np.int64


@pytest.mark.parametrize("name", GOOD)
def test_a_missing_column_is_named(name):
    row = {key: value for key, value in GOOD.items() if key != name}
    assert fault(read(row)) == (name, f"The row missing required field `{name}`")


@pytest.mark.parametrize("name", ["other", "Float", "float ", "", "größe"])
def test_an_extra_column_is_named(name):
    assert fault(read({**GOOD, name: 1})) == (name, f"The row contains unknown field `{name}`")


@pytest.mark.parametrize(
    ("column", "value"),
    [
        *(("float", value) for value in ("1.5", True, [1.5], {})),
        *(("int", value) for value in ("3", 3.5, True, [3])),
        *(("bool", value) for value in (1, 0, "true", [True])),
        *(("string", value) for value in (1, 1.5, True, ["Oslo"], {})),
    ],
)
def test_a_value_of_another_type_is_refused_and_its_column_named(column, value):
    for name in (column, f"{column}?"):
        result, detail = fault(read({**GOOD, name: value}))
        assert result == name
        assert detail.startswith("Expected `")


@pytest.mark.parametrize("column", KINDS)
def test_null_is_refused_where_training_had_none(column):
    result, detail = fault(read({**GOOD, column: None}))
    assert result == column
    assert detail.endswith("got `null`")


def test_a_whole_number_is_a_float_too():
    assert read({**GOOD, "float": 3, "float?": -4}).columns["float"].tolist() == [3.0]
    assert READER.read(raw("float", str(2**70))).columns["float"].tolist() == [float(2**70)]


@pytest.mark.parametrize("column", ["float", "float?", "int", "int?"])
@pytest.mark.parametrize("text", ["NaN", "Infinity", "-Infinity", "nan", "1.", ".5", "0x10", "1e"])
def test_numbers_that_json_does_not_have_are_malformed(column, text):
    with pytest.raises(Malformed, match="is not"):
        READER.read(raw(column, text))


@pytest.mark.parametrize("column", ["int", "int?"])
@pytest.mark.parametrize("value", [2**63, -(2**63) - 1, 2**64, 2**70, 10**400])
def test_an_integer_beyond_64_bits_is_refused_and_its_column_named(column, value):
    assert fault(READER.read(raw(column, str(value))))[0] == column


@pytest.mark.parametrize("value", [2**63 - 1, -(2**63)])
def test_the_largest_and_smallest_integers_of_64_bits_are_kept_exactly(value):
    assert read({**GOOD, "int": value}).columns["int"].tolist() == [value]


@pytest.mark.parametrize("column", ["float", "float?"])
@pytest.mark.parametrize(
    "text", ["1e39", "-1e39", "3.4028235e38", "1e308", "1e309", "-1e999", "1" + "0" * 400]
)
def test_a_float_that_32_bits_would_turn_into_infinity_is_refused(column, text):
    assert fault(READER.read(raw(column, text)))[0] == column


def test_every_float_that_is_let_in_is_finite_in_32_bits():
    values = [3.4028234e38, -3.4028234e38, 5e-324, -0.0]
    array = read(*({**GOOD, "float": value} for value in values)).columns["float"]
    assert array.tolist() == values
    assert np.isfinite(array.astype(np.float32)).all()


@pytest.mark.parametrize(
    "value", ["", " ", "Tromsø", "東京", "👩‍👩‍👧", "a\u0000b", "\n", "NaN", "null", "x" * 100_000]
)
def test_text_arrives_as_it_was_sent(value):
    assert read({**GOOD, "string": value, "string?": value}).columns["string?"].tolist() == [value]


@pytest.mark.parametrize(
    "name", ["a column", "a.b", "$", "[0]", "größe", "x/y", "%s", "0", "a - b"]
)
def test_a_column_of_any_name_is_named(name):
    reader = RowReader([Column(name=name, dtype="float", nullable=False)])
    for row in ({name: "far"}, {}):
        (error,) = reader.read(json.dumps({"instances": [row]}).encode()).errors
        assert error.column == name


@pytest.mark.parametrize("row", [None, 1, "row", [1.5, 3], True])
def test_a_row_that_is_no_object_is_refused_alone(row):
    decoded = read(GOOD, row)
    assert decoded.kept == [0]
    assert [(error.row, error.column) for error in decoded.errors] == [(1, None)]


def test_bad_rows_are_named_and_the_good_ones_beside_them_are_kept():
    rows = [{**GOOD, "int": i} for i in range(6)]
    rows[1]["float"] = "far"
    rows[4]["other"] = 1
    decoded = read(*rows)
    assert decoded.kept == [0, 2, 3, 5]
    assert decoded.columns["int"].tolist() == [0, 2, 3, 5]
    assert [(error.row, error.column) for error in decoded.errors] == [(1, "float"), (4, "other")]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b" ",
        b"{",
        b"[]",
        b"null",
        b"1",
        b"{}",
        b'{"instances": null}',
        b'{"instances": {}}',
        b'{"instances": "rows"}',
        b'{"instances": [], "other": 1}',
        b'{"instances": []} trailing',
        b'{"instances": [{]}',
        b'{"instances": [{"string": "\xff"}]}',
        b'{"instances": [{"string": "\\ud800"}]}',
        b'{"instances": [{"string": "a\nb"}]}',
        b"\xef\xbb\xbf" + b'{"instances": []}',
        b"\x00",
    ],
)
def test_a_body_of_another_outline_is_malformed(body):
    with pytest.raises(Malformed, match="is not"):
        READER.read(body)


DEEP = b"[" * 100_000 + b"]" * 100_000


@pytest.mark.parametrize(
    "body",
    [
        DEEP,
        b'{"instances": [%b]}' % DEEP,
        b'{"instances": [{"x": %b}]}' % DEEP,
        b'{"x": %b}' % DEEP,
    ],
)
def test_a_body_nested_beyond_reason_is_malformed(body):
    with pytest.raises(Malformed, match="is not"):
        READER.read(body)


ANY_VALUE = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
ANY_ROW = (
    st.fixed_dictionaries({name: st.just(value) | ANY_VALUE for name, value in GOOD.items()})
    | ANY_VALUE
)


@settings(max_examples=60, deadline=None, database=None)
@given(rows=st.lists(ANY_ROW, max_size=5))
def test_every_row_is_either_kept_or_named(rows):
    decoded = READER.read(json.dumps({"instances": rows}).encode("utf-8", "surrogatepass"))
    assert decoded.total == len(rows)
    assert sorted([*decoded.kept, *(error.row for error in decoded.errors)]) == list(
        range(len(rows))
    )
    assert {len(array) for array in decoded.columns.values()} == {len(decoded.kept)}


@settings(max_examples=60, deadline=None, database=None)
@given(body=st.binary(max_size=40) | ANY_VALUE.map(lambda value: json.dumps(value).encode()))
def test_any_other_body_is_malformed_and_nothing_worse(body):
    with pytest.raises(Malformed):
        READER.read(body)


NAMES = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
UNUSUAL = [
    'screen (")',
    "Total\nAmount",
    "CORP\\user",
    "`x` - at `$.y`",
    "",
    "c0",
    "\x7f",
    "年齢",
    "a.b",
]


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.one_of(NAMES, st.sampled_from(UNUSUAL)), unique=True, min_size=1, max_size=4),
    st.data(),
)
def test_columns_of_any_name_are_read_and_named(names, data):
    columns = [Column(name=name, dtype="float", nullable=False) for name in names]
    reader = RowReader(columns)
    row = {name: float(position) for position, name in enumerate(names)}
    wrong = data.draw(st.sampled_from(names))
    other = data.draw(NAMES.filter(lambda name: name not in names))
    rows = [
        row,
        {**row, wrong: "x"},
        {k: v for k, v in row.items() if k != wrong},
        {**row, other: 1},
        row,
    ]
    decoded = reader.read(json.dumps({"instances": rows}).encode())
    assert {name: array.tolist() for name, array in decoded.columns.items()} == {
        n: [v, v] for n, v in row.items()
    }
    assert decoded.kept == [0, 4]
    assert [error.column for error in decoded.errors] == [wrong, wrong, other]
    details = ["Expected `float`, got `str`", f"The row missing required field `{wrong}`"]
    assert [error.detail for error in decoded.errors] == [
        *details,
        f"The row contains unknown field `{other}`",
    ]
    assert reader.row_columns([row])[wrong].tolist() == [row[wrong]]
    with pytest.raises(msgspec.ValidationError):
        reader.row_columns([{**row, wrong: "x"}])


@pytest.mark.parametrize(
    ("text", "value"),
    [("3.0", 3), ("-0.0", 0), ("3e0", 3), ("1e3", 1000), ("9007199254740992.0", 2**53)],
)
@pytest.mark.parametrize("column", ["int", "int?"])
def test_an_integer_may_be_written_with_a_point(column, text, value):
    read_column = READER.read(raw(column, text)).columns[column]
    assert (read_column.tolist(), type(read_column.tolist()[0])) == ([value], int)


@pytest.mark.parametrize(
    "text", ["3.5", "9007199254740994.0", "1e30", "1e400", '"3.0"', "true", "[3.0]"]
)
def test_what_is_no_integer_is_refused(text):
    assert fault(READER.read(raw("int", text)))[0] == "int"


def test_a_whole_float_does_not_excuse_what_else_is_wrong_with_a_row():
    assert fault(read({**GOOD, "int": 3.0, "float": "far"})) == (
        "float",
        "Expected `float`, got `str`",
    )


def test_a_row_that_is_no_object_is_told_what_to_send():
    column, detail = fault(read([1.5, 3]))
    assert column is None
    assert "send an object {column: value}" in detail


def test_what_is_said_of_a_long_name_is_short():
    column, detail = fault(read({**GOOD, "z" * 100_000: 1}))
    assert len(column) < 200
    assert len(detail) < 400
