"""Tensors as rows: what the values mean, exactly, and what cannot become rows."""

import json
import struct
import tracemalloc
from math import prod

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wire.oip.binary import FEW
from wire.oip.errors import OipError, TooLarge
from wire.oip.one_row import one_row
from wire.oip.request import (
    LONGEST_SHAPE,
    MOST_TENSORS,
    MOST_VALUES,
    json_length,
    parse,
    request_in,
)
from wire.oip.rows import MOST_DIMENSIONS, MOST_EMPTY_LISTS, MOST_NAME_BYTES, table_of
from wire.oip.signature import NamedTensor, TensorSignature

DTYPES = {
    "FP16": "<f2",
    "FP32": "<f4",
    "FP64": "<f8",
    "BOOL": "?",
    **{f"INT{bits}": f"<i{bits // 8}" for bits in (8, 16, 32, 64)},
    **{f"UINT{bits}": f"<u{bits // 8}" for bits in (8, 16, 32, 64)},
}


def rows(tensors, order=(), most_rows=None):
    """The rows of these tensors, decoded."""
    table = table_of(parse(json.dumps({"inputs": tensors}).encode()), most_rows)
    return list(map(msgspec.json.decode, table.rows(order)))


def tensor(data, datatype, shape=None, name="a"):
    return {"name": name, "shape": shape or [len(data)], "datatype": datatype, "data": data}


def binary(data, datatype, shape, name="a"):
    """The values of one binary tensor, read back."""
    sent = {
        "name": name,
        "shape": shape,
        "datatype": datatype,
        "parameters": {"binary_data_size": len(data)},
    }
    head = json.dumps({"inputs": [sent]}).encode()
    return table_of(parse(head + data, len(head)))


def values(table, name="a"):
    return [msgspec.json.decode(row)[name] for row in table.rows()]


@given(st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1, max_size=20))
def test_integers_are_exact_in_json_and_in_binary(numbers):
    data = np.array(numbers, "<i8").tobytes()
    assert values(binary(data, "INT64", [len(numbers)])) == numbers
    assert [row["a"] for row in rows([tensor(numbers, "INT64")])] == numbers


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=20))
def test_doubles_are_exact_in_json_and_in_binary(numbers):
    data = np.array(numbers, "<f8").tobytes()
    found = values(binary(data, "FP64", [len(numbers)]))
    given_back = [row["a"] for row in rows([tensor(numbers, "FP64")])]
    assert struct.pack(f"<{len(found)}d", *found) == data
    assert struct.pack(f"<{len(found)}d", *given_back) == data


@given(st.lists(st.floats(width=32, allow_nan=False, allow_infinity=False), min_size=1))
def test_a_float_of_32_bits_is_the_double_that_it_stands_for(numbers):
    data = np.array(numbers, "<f4").tobytes()
    assert values(binary(data, "FP32", [len(numbers)])) == numbers


@pytest.mark.parametrize("shape", [[3], [3, 1]])
def test_json_of_fewer_bits_means_what_binary_of_them_means(shape):
    for datatype, dtype in (("FP32", "<f4"), ("FP16", "<f2")):
        numbers = [0.1, 1 / 3, -2.7]
        packed = np.array(numbers, dtype)
        found = [row["a"] for row in rows([tensor(numbers, datatype, shape)])]
        assert found == values(binary(packed.tobytes(), datatype, shape))
        assert found == packed.astype(np.float64).tolist()
        assert found != numbers


@pytest.mark.parametrize("count", [1, FEW, FEW + 1])
@pytest.mark.parametrize(("datatype", "dtype"), DTYPES.items())
def test_every_datatype_has_its_binary_form(datatype, dtype, count):
    array = np.array([number % 2 for number in range(count)], dtype)
    assert values(binary(array.tobytes(), datatype, [count])) == array.tolist()
    with pytest.raises(OipError, match=f"values are {len(array.tobytes())}"):
        binary(array.tobytes() + b"x", datatype, [count])


def test_one_row_is_the_same_read_at_once_and_closely():
    tensors = [
        tensor([0.1], "FP32", name="f"),
        tensor([0.1], "FP64", [1, 1], name="d"),
        tensor([-(2**63)], "INT64", name="i"),
        tensor([True], "BOOL", name="b"),
        tensor(["ø"], "BYTES", name="t"),
    ]
    request = request_in(json.dumps({"inputs": tensors}).encode())
    assert [msgspec.json.decode(one_row(request).row)] == rows(tensors)


@pytest.mark.parametrize(("datatype", "dtype"), DTYPES.items())
def test_one_binary_row_is_the_same_read_at_once_and_closely(datatype, dtype):
    data = np.array([1], dtype).tobytes() + b"\2\0\0\0\xc3\xb8"
    first = len(data) - 6
    inputs = [
        {"name": "a", "shape": [1, 1], "datatype": datatype},
        {"name": "t", "shape": [1], "datatype": "BYTES"},
    ]
    for sent, size in zip(inputs, (first, 6), strict=True):
        sent["parameters"] = {"binary_data_size": size}

    head = json.dumps({"inputs": [*inputs, tensor([7], "INT8", name="j")]}).encode()
    sent = parse(head + data, len(head))
    only = one_row(sent.request, sent.parts)
    closely = [msgspec.json.decode(row) for row in table_of(sent).rows()]
    assert closely == [{"a": np.array([1], dtype).tolist()[0], "t": "ø", "j": 7}]
    assert only is None if datatype == "BOOL" else [msgspec.json.decode(only.row)] == closely


@pytest.mark.parametrize(
    ("datatype", "data"),
    [
        ("FP64", struct.pack("<d", float("nan"))),
        ("FP32", struct.pack("<f", float("inf"))),
        ("INT64", b"\0" * 7),
        ("BYTES", b"\1\0\0"),
        ("BYTES", b"\2\0\0\0a"),
        ("BYTES", b"\1\0\0\0\xff"),
        ("FP99", b"\0"),
    ],
)
def test_binary_data_that_are_no_plain_value_get_a_closer_look(datatype, data):
    parameters = {"binary_data_size": len(data)}
    sent = {"name": "a", "shape": [1], "datatype": datatype, "parameters": parameters}
    head = json.dumps({"inputs": [sent]}).encode()
    read = parse(head + data, len(head))
    assert one_row(read.request, read.parts) is None


@pytest.mark.parametrize(
    "odd",
    [
        tensor([1], "FP64"),
        tensor([1.0], "INT64"),
        tensor([256], "UINT8"),
        tensor([3.5e38], "FP32"),
        tensor([None], "FP64"),
        tensor([[1.0]], "FP64", [1, 1]),
        tensor([1.0, 2.0], "FP64"),
        tensor([1.0], "FP64", [2]),
        tensor([1.0], "FP99"),
        {**tensor([1.0], "FP64"), "parameters": {"content_type": "np"}},
    ],
)
def test_what_is_no_plain_row_gets_a_closer_look(odd):
    plain = tensor([1.0], "FP64", name="b")
    request = request_in(json.dumps({"inputs": [plain, odd]}).encode())
    assert one_row(request) is None
    assert one_row(request_in(json.dumps({"inputs": [plain, plain]}).encode())) is None
    assert one_row(request_in(b'{"inputs": []}')) is None


def test_the_upper_half_of_a_float_is_bf16():
    numbers = [1.0, -2.5, 3.140625]
    halves = np.array(numbers, "<f4").view("<u4") >> 16
    assert values(binary(halves.astype("<u2").tobytes(), "BF16", [3])) == numbers


def test_nan_is_null_and_an_infinity_is_refused():
    for dtype, datatype in (("<f2", "FP16"), ("<f4", "FP32"), ("<f8", "FP64")):
        nan = np.array([1.0, np.nan], dtype).tobytes()
        assert values(binary(nan, datatype, [2])) == [1.0, None]
        infinite = np.array([1.0, -np.inf], dtype).tobytes()
        with pytest.raises(OipError, match="row 1, input 'a': an infinity"):
            binary(infinite, datatype, [2])


@given(st.lists(st.text(), min_size=1, max_size=10))
def test_texts_have_their_length_before_them(texts):
    octets = [text.encode("utf-8", "replace") for text in texts]
    data = b"".join(struct.pack("<I", len(text)) + text for text in octets)
    assert values(binary(data, "BYTES", [len(texts)])) == [text.decode() for text in octets]


@pytest.mark.parametrize(
    ("data", "datatype", "shape", "reason"),
    [
        (b"\0" * 7, "FP64", [1], "7 bytes of FP64: 1 values are 8"),
        (b"\2", "BOOL", [1], "a BOOL is the byte 0 or 1"),
        (b"\1\0\0", "BYTES", [1], "has 0 texts for 1 values"),
        (b"\xff\xff\xff\xff" + b"a", "BYTES", [1], "ends after the data"),
        (b"\1\0\0\0ab", "BYTES", [1], "has 1 bytes after its 1 texts"),
        (b"\1\0\0\0\xff", "BYTES", [1], "is not UTF-8"),
        (b"", "FP64", [0], "shape"),
        (b"", "FP99", [1], "FP99 does not fit"),
    ],
)
def test_binary_data_that_do_not_fill_the_shape_are_refused(data, datatype, shape, reason):
    with pytest.raises(OipError, match=reason):
        binary(data, datatype, shape)


@pytest.mark.parametrize(
    ("sizes", "given", "reason"),
    [
        ([4], b"\0" * 5, "1 bytes follow"),
        ([4], b"\0" * 3, "end after the body"),
        ([-1], b"", "end after the body"),
        ([2**70], b"", "end after the body"),
    ],
)
def test_the_parts_of_binary_data_fill_the_body(sizes, given, reason):
    inputs = [
        {"name": "a", "shape": [1], "datatype": "FP32", "parameters": {"binary_data_size": size}}
        for size in sizes
    ]
    head = json.dumps({"inputs": inputs}).encode()
    with pytest.raises(OipError, match=reason):
        parse(head + given, len(head))


def test_binary_data_without_the_header_are_refused():
    sent = {
        "name": "a",
        "shape": [1],
        "datatype": "FP32",
        "parameters": {"binary_data_size": 4},
    }
    with pytest.raises(OipError, match="does not say where they begin"):
        parse(json.dumps({"inputs": [sent]}).encode())


@pytest.mark.parametrize("value", [b"", b"-1", b"+1", b"1.0", b"101", b"9" * 20, "١".encode()])
def test_a_length_beyond_the_body_is_refused(value):
    with pytest.raises(OipError, match="the length of the JSON"):
        json_length(value, 100)
    assert json_length(b"100", 100) == 100


def test_json_and_binary_tensors_stand_in_one_request():
    inputs = [
        {"name": "b", "shape": [2], "datatype": "BYTES", "data": ["x", "y"]},
        {"name": "a", "shape": [2], "datatype": "INT8", "parameters": {"binary_data_size": 2}},
    ]
    head = json.dumps({"inputs": inputs}).encode()
    table = table_of(parse(head + b"\1\xff", len(head)))
    assert [msgspec.json.decode(row) for row in table.rows()] == [
        {"b": "x", "a": 1},
        {"b": "y", "a": -1},
    ]


@pytest.mark.parametrize("data", [[1, 10, 2, 20], [[1, 10], [2, 20]]])
def test_one_tensor_holds_the_columns_in_the_order_of_the_version(data):
    sent = [tensor(data, "INT64", [2, 2])]
    assert rows(sent, ("a", "b")) == [{"a": 1, "b": 10}, {"a": 2, "b": 20}]
    assert rows(sent, ("b", "a")) == [{"b": 1, "a": 10}, {"b": 2, "a": 20}]


LISTS = TensorSignature([NamedTensor("a", "INT64", [-1, 2, 2])])


def test_a_column_of_lists_has_a_tensor_of_its_own_shape():
    flat = tensor([1, 2, 3, 4, 5, 6, 7, 8], "INT64", [2, 2, 2])
    nested = tensor([[[1, 2], [3, 4]], [[5, 6], [7, 8]]], "INT64", [2, 2, 2])
    packed = np.array(range(1, 9), "<i8").tobytes()
    for sent in (flat, nested):
        table = table_of(parse(json.dumps({"inputs": [sent]}).encode()), None, LISTS)
        assert values(table) == [[[1, 2], [3, 4]], [[5, 6], [7, 8]]]

    sent = {**flat, "parameters": {"binary_data_size": 64}}
    del sent["data"]
    head = json.dumps({"inputs": [sent]}).encode()
    table = table_of(parse(head + packed, len(head)), None, LISTS)
    assert values(table) == [[[1, 2], [3, 4]], [[5, 6], [7, 8]]]
    (row,) = table_of(
        parse(json.dumps({"inputs": [tensor([1.5, 2.5], "FP64", [1, 2])]}).encode()),
        None,
        LISTS,
    ).rows()
    assert msgspec.json.decode(row) == {"a": [1.5, 2.5]}


def test_values_without_a_name_get_one_that_no_version_has():
    assert rows([tensor([[1, 2, 3]], "INT64", [1, 3])], ("a",)) == [
        {"a": 1, "column 2": 2, "column 3": 3}
    ]
    assert rows([tensor([[1, 2]], "INT64", [1, 2])], ("a", "b", "c")) == [{"a": 1, "b": 2}]


@pytest.mark.parametrize(
    "data", [[], [1], [[1, 2]], [[1, 2], [3]], [1, 2, 3, 4, 5], [[[1, 2]], [[3, 4]]]]
)
def test_one_tensor_whose_values_do_not_fill_its_shape_is_refused(data):
    with pytest.raises(OipError, match=r"'a' has \d+ values for shape \[2, 2\]"):
        rows([tensor(data, "FP32", [2, 2])])


@pytest.mark.parametrize(
    ("datatype", "data", "reason"),
    [
        ("FP64", [10**400], "outside of FP64"),
        ("FP32", [3.5e38], "outside of FP32"),
        ("UINT64", [2**64], "outside of UINT64"),
        ("INT64", [1, 1.5], "row 1, input 'a': Expected `int`, got `float`"),
        ("INT64", [True], "Expected `int`, got `bool`"),
        ("BOOL", [1], "Expected `bool`, got `int`"),
        ("BYTES", [1], "Expected `str`, got `int`"),
        ("FP64", [{}], "Expected `float`, got `object`"),
        ("BF16", [1.0], "BF16 is sent as binary data"),
    ],
)
def test_a_value_that_its_datatype_does_not_have_is_named(datatype, data, reason):
    with pytest.raises(OipError, match=reason):
        rows([tensor(data, datatype)])


def test_an_integer_beyond_a_doubles_digits_is_not_taken_for_itself_in_fp64():
    (row,) = rows([tensor([2**53 + 1], "FP64")])
    assert (row["a"], type(row["a"])) == (float(2**53), float)


@pytest.mark.parametrize(
    ("tensors", "reason"),
    [
        ([], "`inputs` is empty"),
        ([tensor([1], "INT64")] * 2, "'a' is given twice"),
        ([tensor([1], "INT64"), tensor([1, 2], "INT64", name="b")], "different numbers of rows"),
        ([tensor([1, 2], "INT64"), tensor([1, 2], "INT64", [1, 2], "b")], "is expected"),
    ],
)
def test_what_is_no_table_is_refused(tensors, reason):
    with pytest.raises(OipError, match=reason):
        rows(tensors)


def test_the_size_of_a_table_is_bounded_before_it_is_made():
    with pytest.raises(TooLarge, match="11 rows in one request: at most 10"):
        rows([tensor([], "INT64", [11])], most_rows=10)
    with pytest.raises(TooLarge, match=f"at most {MOST_VALUES}"):
        rows([tensor([], "INT64", [MOST_VALUES + 1])])
    long = [tensor([], "INT64", [1000], "a" * 40_000), tensor([], "INT64", [1000], "b")]
    with pytest.raises(TooLarge, match=f"at most {MOST_NAME_BYTES}"):
        rows(long)
    with pytest.raises(OipError, match=f"longer than {LONGEST_SHAPE}"):
        rows([tensor([], "INT64", [1] * 5_000)])
    with pytest.raises(TooLarge, match=f"more than {MOST_TENSORS} tensors"):
        rows([tensor([1], "INT64")] * (MOST_TENSORS + 1))


def lists_table(data, shape, datatype="INT64"):
    """The table of column `a`, which has lists of lists as values."""
    sent = {"inputs": [tensor(data, datatype, shape)]}
    return table_of(parse(json.dumps(sent).encode()), None, LISTS)


@pytest.mark.parametrize(
    "shape",
    [
        [1, 10**9, 0],
        [1, 10**9, 10**9, 0],
        [1, 0, 10**9, 0],
        [MOST_EMPTY_LISTS + 1, 0],
        [MOST_VALUES, 0],
        [2, MOST_EMPTY_LISTS, 0],
    ],
)
@pytest.mark.parametrize("data", [[], [[]]])
def test_empty_lists_are_bounded_before_they_are_made(shape, data):
    most_bytes = 1_000_000
    tracemalloc.start()
    try:
        if prod(shape[:-1]):
            with pytest.raises(TooLarge, match=r"'a' has shape .* \d+ empty lists: at most"):
                lists_table(data, shape)
        else:
            assert values(lists_table([], shape)) == [[]]
        assert tracemalloc.get_traced_memory()[1] < most_bytes
    finally:
        tracemalloc.stop()


def test_empty_lists_of_all_inputs_count_together():
    half = MOST_EMPTY_LISTS // 2 + 1
    arrays = TensorSignature([NamedTensor(name, "INT64", [-1, -1]) for name in "ab"])
    sent = [tensor([], "INT64", [half, 0], name) for name in "ab"]
    with pytest.raises(TooLarge, match=f"{2 * half} empty lists"):
        table_of(parse(json.dumps({"inputs": sent}).encode()), None, arrays)

    first = json.dumps({"inputs": sent[:1]}).encode()
    assert values(table_of(parse(first), None, arrays)) == [[]] * half


def test_empty_lists_of_a_few_rows_are_values():
    assert values(lists_table([], [2, 3, 0])) == [[[], [], []]] * 2
    assert values(lists_table([[], []], [2, 0])) == [[], []]


def test_a_tensor_has_no_more_dimensions_than_arrays_have():
    shape = [3] + [1] * (MOST_DIMENSIONS - 1)
    assert len(values(lists_table([1, 2, 3], shape))) == 3
    with pytest.raises(OipError, match=f"'a' has {len(shape) + 1} dimensions: at most"):
        lists_table([1, 2, 3], [*shape, 1])
