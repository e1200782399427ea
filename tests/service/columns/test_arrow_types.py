"""A type of pyarrow's is found again by its name."""

import pyarrow as pa
import pytest

from service.columns.arrow_types import arrow_type

TYPES = (
    *(
        pa.int8(),
        pa.uint64(),
        pa.float16(),
        pa.float64(),
        pa.bool_(),
        pa.string(),
        pa.large_string(),
    ),
    *(pa.binary(), pa.binary(4), pa.date32(), pa.time32("s"), pa.time64("ns"), pa.duration("ms")),
    *(pa.timestamp("ns"), pa.timestamp("us", tz="Europe/Oslo"), pa.timestamp("s", tz="+01:00")),
    *(pa.decimal128(10, 2), pa.decimal256(70, 30), pa.list_(pa.float64()), pa.list_(pa.int8(), 8)),
    *(pa.list_(pa.list_(pa.float32(), 2)), pa.large_list(pa.string())),
    *(pa.dictionary(pa.int32(), pa.string()), pa.dictionary(pa.int8(), pa.int64(), ordered=True)),
)


@pytest.mark.parametrize("held", TYPES, ids=str)
def test_a_type_is_found_by_its_name(held):
    assert arrow_type(str(held)) == held


@pytest.mark.parametrize("name", ["no such type", "list<item: nothing>", "decimal128(10)", ""])
def test_what_is_no_type_is_a_type_error(name):
    with pytest.raises(TypeError):
        arrow_type(name)
