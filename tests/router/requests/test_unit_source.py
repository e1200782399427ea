"""Which unit a request is for: one order, all of a value, the same on every route."""

import collections
import json

import httpx
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollout.settings import Unit
from router.requests.unit_source import UnitSource, as_unit, cookie, row_field
from tests.router.router_harness import router_harness, tensor

NAMED = UnitSource(Unit(header="X-Unit-Id", cookie="sid", field="user"))
ROW = row_field(msgspec.Raw(b'{"user": "by-field"}'))
PREFIX = "eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCJ9." * 6


def test_the_order_is_header_cookie_field_and_what_is_not_there_is_skipped():
    for header, cookies, row, unit in (
        (b"by-header", b"sid=by-cookie", ROW, b"by-header"),
        (b"", b"sid=by-cookie", ROW, b"by-cookie"),
        (b"", b"other=1", ROW, b"by-field"),
        (b"", b"", row_field(msgspec.Raw(b"{}")), b""),
        (b"", b"", row_field(msgspec.Raw(b'"no object"')), b""),
    ):
        assert NAMED.unit(header, cookies, row) == unit


def test_cookies_are_read_only_where_one_is_named_or_set():
    assert UnitSource(Unit()).unit(b"", b"sluice_unit=a", ROW) == b""
    assert UnitSource(Unit(set_cookie=True)).unit(b"", b"sluice_unit=a", ROW) == b"a"


@pytest.mark.parametrize(
    "header",
    [
        b"sid=u1",
        b'sid="u1"',
        b"theme=dark; sid=u1; x=y",
        b"theme=dark;sid=u1",
        b" sid = u1 ",
        b"sid=u1; sid=u2",
    ],
)
def test_a_cookie_is_found_quoted_or_not_among_others(header):
    assert cookie(header, b"sid") == b"u1"


@pytest.mark.parametrize(
    ("value", "unit"),
    [
        ("ü", "ü".encode()),
        (7, b"7"),
        (7.0, b"7"),
        (7.5, b"7.5"),
        (True, b"true"),
        (None, b""),
        ([1], b""),
        ({}, b""),
        (0, b"0"),
        ("", b""),
    ],
)
def test_values_of_a_field_are_units_however_json_writes_them(value, unit):
    assert as_unit(value) == unit


@given(st.binary(min_size=1, max_size=8000).filter(lambda value: value.strip() == value))
def test_all_of_a_header_counts(value):
    assert NAMED.unit(value, b"sid=a", ROW) == value


@pytest.fixture(scope="module")
def halves(tmp_path_factory):
    """v1 and v2 with half of the units each; a unit may come by header, cookie or field."""
    settings = '[router]\n[router.unit]\ncookie = "sid"\nfield = "user"\n'
    with router_harness(tmp_path_factory.mktemp("halves"), settings=settings) as made:
        columns = '{"x": "FP64", "user": "BYTES"}'
        made.know(made.version("v1", columns=columns), made.version("v2", columns=columns))
        made.split({"v1": 5000, "v2": 5000})
        made.router()
        yield made


def ways(unit):
    """Headers and user of every way to be that unit."""
    return [
        ({"X-Unit-Id": unit}, "someone"),
        ({"Cookie": f"theme=dark; sid={unit}"}, "someone"),
        ({"Cookie": f'sid="{unit}"'}, "someone"),
        ({}, unit),
    ]


def test_one_unit_meets_one_version_on_every_route_and_long_units_are_spread(halves):
    met = collections.Counter()
    with httpx.Client(base_url=halves.url) as client:
        for unit in [f"user-{i}" for i in range(15)] + [f"{PREFIX}{i}" for i in range(15)]:
            versions = set()
            for headers, user in ways(unit):
                row = json.dumps({"instances": [{"x": 1, "user": user}]})
                named = tensor(user, name="user", datatype="BYTES")
                tensors = json.dumps({"inputs": [tensor(1), named]})
                split = {"columns": ["x", "user"], "data": [[1, user]]}
                for path, body in (
                    ("/predict", row),
                    ("/v2/models/toy/infer", tensors),
                    ("/invocations", json.dumps({"dataframe_split": split})),
                ):
                    client.cookies.clear()
                    versions.add(
                        client.post(path, content=body, headers=headers).headers["x-model-version"]
                    )
            assert len(versions) == 1, unit
            met[unit.startswith(PREFIX), versions.pop()] += 1

    assert len(met) == 4


def test_a_caller_without_a_unit_gets_a_cookie_on_every_way(tmp_path):
    with router_harness(tmp_path, settings="[router]\n[router.unit]\nset_cookie = true\n") as made:
        made.know(made.version("v1"), made.version("v2"))
        made.split({"v1": 5000, "v2": 5000})
        made.router()
        for path, body in (
            ("/predict", '{"instances": [{"x": 1}]}'),
            ("/v2/models/toy/infer", json.dumps({"inputs": [tensor(1)]})),
            ("/invocations", '{"instances": [1]}'),
        ):
            first = httpx.post(f"{made.url}{path}", content=body)
            given = first.headers["set-cookie"].partition(";")[0]
            again = httpx.post(f"{made.url}{path}", content=body, headers={"Cookie": given})
            assert again.headers["x-model-version"] == first.headers["x-model-version"]
            assert "set-cookie" not in again.headers
