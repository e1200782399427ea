"""Columns of other kinds than numbers, booleans and texts as tensors."""

import json

import msgspec
import pytest

from service.bundle import Column, FrameColumn, ValueForm
from service.oip import signature_of_columns
from wire.oip.errors import OipError
from wire.oip.request import parse
from wire.oip.request_check import check_request
from wire.oip.rows import table_of

IMAGE = Column(
    name="image",
    dtype="array",
    nullable=False,
    form=ValueForm(shape=[2, 2], items="int", item_dtype="uint8"),
)
WORDS = Column(
    name="words",
    dtype="array",
    nullable=False,
    form=ValueForm(shape=[None], longest=3, items="string", item_dtype="object"),
)
DAY = Column(name="day", dtype="date", nullable=True, form=ValueForm())
RAW = Column(name="raw", dtype="bytes", nullable=False, form=ValueForm())
ID = Column(name="id", dtype="int", nullable=False, frame=FrameColumn(dtype="uint64"))


def rows(columns, *tensors):
    """The rows of a request of these tensors."""
    sent = parse(json.dumps({"inputs": tensors}).encode())
    signature = signature_of_columns(columns)
    check_request(sent.request, signature)
    return [
        msgspec.json.decode(row)
        for row in table_of(sent, signature=signature).rows(signature.names)
    ]


def tensor(name, datatype, shape, data, **parameters):
    """One tensor."""
    return {
        "name": name,
        "datatype": datatype,
        "shape": shape,
        "data": data,
        "parameters": parameters,
    }


@pytest.mark.parametrize(
    "data",
    [[1, 2, 3, 4, 5, 6, 7, 8], [[[1, 2], [3, 4]], [[5, 6], [7, 8]]], [[1, 2, 3, 4], [5, 6, 7, 8]]],
)
def test_images_may_be_flat_or_nested(data):
    image = tensor("image", "UINT8", [2, 2, 2], data)
    assert rows([IMAGE], image) == [{"image": [[1, 2], [3, 4]]}, {"image": [[5, 6], [7, 8]]}]


def test_the_only_column_may_be_an_array_as_wide_as_a_tensor_of_all_columns():
    words = tensor("words", "BYTES", [2, 3], ["a", "b", "c", "d", "e", "f"])
    assert rows([WORDS], words) == [{"words": ["a", "b", "c"]}, {"words": ["d", "e", "f"]}]


def test_empty_arrays_have_a_row_each():
    assert rows([WORDS], tensor("words", "BYTES", [2, 0], [])) == [{"words": []}, {"words": []}]


def test_other_kinds_are_bytes_of_their_texts():
    day = tensor("day", "BYTES", [2, 1], ["2021-01-31", None])
    raw = tensor("raw", "BYTES", [2], ["aGVsbG8=", ""], content_type="base64")
    number = tensor("id", "UINT64", [2], [2**64 - 1, 0])
    assert rows([DAY, RAW, ID], day, raw, number) == [
        {"day": "2021-01-31", "raw": "aGVsbG8=", "id": 2**64 - 1},
        {"day": None, "raw": "", "id": 0},
    ]


@pytest.mark.parametrize(
    ("columns", "given", "message"),
    [
        ([IMAGE], tensor("image", "UINT8", [1, 2, 2], [1, 2, 3]), "has 3 values for shape"),
        ([IMAGE], tensor("image", "UINT8", [4], [1, 2, 3, 4]), "with the array's own shape"),
        ([IMAGE], tensor("image", "UINT8", [-1, 2, 2], [1, 2, 3, 4]), "with the array's own shape"),
        ([IMAGE], tensor("image", "UINT8", [0, 2, 2], []), "with the array's own shape"),
        ([IMAGE], tensor("image", "UINT8", [1, 2, 2], [1, 2, 3, 256]), "outside of UINT8"),
        ([IMAGE], tensor("image", "FP32", [1, 2, 2], [1, 2, 3, 4]), "datatype FP32 does not fit"),
        ([DAY], tensor("day", "INT64", [1], [1]), "input 'day' is date: datatype INT64"),
        (
            [DAY],
            tensor("day", "BYTES", [1], ["2021-01-31"], content_type="base64"),
            "content type base64 is not offered",
        ),
        (
            [IMAGE, ID],
            tensor("all", "UINT8", [1, 2], [1, 2]),
            "column 'image' is array: send one tensor a column",
        ),
    ],
)
def test_a_tensor_that_does_not_fit_is_refused_by_name(columns, given, message):
    with pytest.raises(OipError) as refused:
        rows(columns, given)

    assert message in str(refused.value)
