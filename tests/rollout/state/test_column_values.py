"""Which changes of a column's values today's users feel."""

import pytest

from rollout.state.contract import ContractVerdict, compare

NAIVE = {"dtype": "datetime", "form": {"unit": "us"}}
ZONED = {"dtype": "datetime", "form": {"unit": "us", "zone": "UTC"}}
NANOSECONDS = {"dtype": "datetime", "form": {"unit": "ns"}}
DATE = {"dtype": "date", "form": {}}
TEXT = {"dtype": "string"}
PRICE = {"dtype": "decimal", "form": {"digits": 10, "scale": 2}}
ANY_PRICE = {"dtype": "decimal", "form": {}}


def whole(held):
    """A column of whole numbers in a frame's column of that dtype."""
    return {"dtype": "int", "frame": {"dtype": held}}


def array(shape, items="float", longest=0, **form):
    """A column of arrays."""
    item_dtype = {"int": "int64", "float": "float64"}[items]
    form = {"shape": shape, "items": items, "item_dtype": item_dtype, "longest": longest, **form}
    return {"dtype": "array", "form": form}


def contract(today, tomorrow):
    """The contract of one column that changes."""
    rest = {"task": "regression", "output": "predict"}
    manifests = []
    for column in (tomorrow, today):
        manifests.append({**rest, "columns": [{"name": "x", "nullable": False, **column}]})

    return compare("v2", manifests[0], "v1", manifests[1])


@pytest.mark.parametrize(
    ("today", "tomorrow"),
    [
        (NAIVE, NAIVE),
        (ZONED, {"dtype": "datetime", "form": {"unit": "us", "zone": "Europe/Oslo"}}),
        (array([64]), array([64])),
        (whole("int64"), whole("Int64")),
    ],
)
def test_the_same_values_are_compatible(today, tomorrow):
    assert contract(today, tomorrow).verdict == ContractVerdict.COMPATIBLE


@pytest.mark.parametrize(
    ("today", "tomorrow", "says"),
    [
        (DATE, NAIVE, "takes datetime where it took date: a time is accepted too"),
        (NAIVE, TEXT, "any text is accepted"),
        ({"dtype": "datetime", "form": {"unit": "s"}}, NAIVE, "finer values are accepted"),
        (whole("int64"), ANY_PRICE, "takes decimal where it took int"),
        (PRICE, ANY_PRICE, "holds 76 digits before the point"),
        (whole("int8"), whole("int64"), "holds numbers from -9223372036854775808"),
        (array([64], "int"), array([64]), "takes arrays of float where it took int"),
        (array([64]), array([None], longest=64), "takes arrays of up to 64, before of 64 only"),
        (array([None], longest=4), array([None], longest=9), "up to 9"),
        (array([2]), array([2], nullable_items=True), "may have null in its arrays now"),
    ],
)
def test_more_values_are_additive(today, tomorrow, says):
    result = contract(today, tomorrow)
    assert result.verdict == ContractVerdict.ADDITIVE
    assert says in result.differences[0].says


@pytest.mark.parametrize(
    ("today", "tomorrow", "says"),
    [
        (NAIVE, ZONED, "needs an offset from UTC now"),
        (ZONED, NAIVE, "takes no offset from UTC any more"),
        (NANOSECONDS, NAIVE, "holds us where it held ns: finer values are refused"),
        (NAIVE, NANOSECONDS, "more than 292 years from 1970"),
        (NAIVE, DATE, "takes date where it took datetime: today's values are refused"),
        (DATE, NANOSECONDS, "today's values are refused"),
        (DATE, ZONED, "today's values are refused"),
        (TEXT, NAIVE, "today's values are refused"),
        (PRICE, {"dtype": "float"}, "today's values are refused"),
        (whole("int64"), PRICE, "today's values are refused"),
        (ANY_PRICE, PRICE, "holds 8 digits before the point and 2 behind it"),
        (whole("int64"), whole("uint64"), "holds numbers from 0 to 18446744073709551615 only"),
        (whole("int64"), whole("int8[pyarrow]"), "others are refused"),
        (array([64]), array([32]), "takes arrays of 32, before of 64"),
        (array([8, 8]), array([64]), "takes arrays of 64, before of 8 x 8"),
        (array([None], longest=9), array([None], longest=4), "takes arrays of up to 4"),
        (array([None], longest=4), array([4]), "takes arrays of 4, before of up to 4"),
        (array([64]), array([64], "int"), "takes arrays of int where it took float"),
        (array([2], nullable_items=True), array([2]), "takes no null in its arrays any more"),
        (
            {"dtype": "period", "form": {"frequency": "M"}},
            {"dtype": "period", "form": {"frequency": "D"}},
            "takes periods of D where it took M",
        ),
    ],
)
def test_fewer_values_are_breaking(today, tomorrow, says):
    result = contract(today, tomorrow)
    assert result.verdict == ContractVerdict.BREAKING
    assert says in result.breaks()[0].says


def test_what_training_saw_is_a_note():
    later = {"dtype": "date", "form": {"earliest": "2021-01-01", "latest": "2022-01-01"}}
    earlier = {"dtype": "date", "form": {"earliest": "2020-01-01", "latest": "2021-01-01"}}
    (note,) = contract(earlier, later).differences
    assert (
        "was trained on 2021-01-01 to 2022-01-01, before on 2020-01-01 to 2021-01-01" in note.says
    )
