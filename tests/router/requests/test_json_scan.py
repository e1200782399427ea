"""A body's lists are counted without being made, exactly, and only as far as needed."""

import json

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from router.requests import json_scan
from router.requests.json_scan import ListScan, too_many, too_many_or_large

TEXTS = st.text(st.sampled_from('[]{},:"\\ aé\n\x00'), max_size=12)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXTS,
    lambda values: st.lists(values, max_size=6) | st.dictionaries(TEXTS, values, max_size=4),
    max_leaves=40,
)
DEPTHS = (1, 2, 3, 4)


def scanned(body, size=json_scan.SLICE_BYTES):
    """The scan of a whole body, from slices of this size."""
    scan = ListScan(DEPTHS)
    for start in range(0, len(body), size):
        scan.read(np.frombuffer(body[start : start + size], np.uint8))
    return scan


def counted(body, size=json_scan.SLICE_BYTES):
    """The elements at each depth, from slices of this size."""
    return scanned(body, size).elements


def by_json(value, depth=1, into=None):
    """The same of the value itself."""
    into = dict.fromkeys(DEPTHS, 0) if into is None else into
    if isinstance(value, list) and depth in into:
        into[depth] += max(1, len(value))
    if isinstance(value, list | dict):
        for element in value.values() if isinstance(value, dict) else value:
            by_json(element, depth + 1, into)
    return into


@settings(deadline=None, max_examples=80)
@given(VALUES, st.booleans(), st.sampled_from([None, 1]), st.integers(1, 40))
@example(["\\", "a\\\\", '\\"[,'], True, None, 1)
def test_the_elements_are_those_that_json_finds_however_the_body_is_sliced(
    value, narrow, indent, size
):
    body = json.dumps(value, ensure_ascii=narrow, indent=indent).encode()
    assert counted(body, size) == counted(body) == by_json(value)


def largest_by_json(value, depth=1, into=None):
    """The bytes of the largest element at each depth, of values written without blanks."""
    into = dict.fromkeys(DEPTHS, 0) if into is None else into
    if isinstance(value, list | dict):
        members = (
            value.items() if isinstance(value, dict) else ((None, element) for element in value)
        )
        for name, element in members:
            key = "" if name is None else f"{json.dumps(name)}:"
            size = len(f"{key}{json.dumps(element, separators=(',', ':'))}")
            if depth in into:
                into[depth] = max(into[depth], size)
            largest_by_json(element, depth + 1, into)
    return into


@settings(deadline=None, max_examples=80)
@given(VALUES, st.integers(1, 40))
@example([[["a"], [], {}], [[1, 22], [333]]], 1)
def test_the_largest_element_is_the_one_that_json_writes_longest(value, size):
    body = json.dumps(value, separators=(",", ":")).encode()
    assert scanned(body, size).largest == scanned(body).largest == largest_by_json(value)


def test_a_row_is_too_large_before_all_of_it_was_read(monkeypatch):
    read = []
    monkeypatch.setattr(
        ListScan,
        "read",
        lambda scan, piece, real=ListScan.read: (read.append(1), real(scan, piece)),
    )
    body = b'{"instances":[{},{"a":"%b"},{}]}' % (b"a" * 4_000_000)
    assert too_many_or_large(body, 2, 10, 200_000) == "size"
    assert len(read) == 2
    assert too_many_or_large(body, 2, 10, 5_000_000) is None
    assert too_many_or_large(body, 2, 2, 5_000_000) == "number"


@settings(deadline=None)
@given(st.binary(max_size=200), st.integers(1, 40))
def test_what_is_not_json_is_counted_too_and_the_same_however_it_is_sliced(body, size):
    assert counted(body, size) == counted(body)


@pytest.mark.parametrize("rows", [1, 9, 10, 11, 200_000])
def test_too_many_are_found_at_their_depth(rows):
    body = b'{"instances":[' + b",".join([b'{"a":[1,2],"b":"[,,,"}'] * rows) + b"]}"
    assert too_many(body, {2: 10}) == (2 if rows > 10 else None)
    assert too_many(body, {1: 0, 4: 2 * rows}) is None
    assert too_many(body, {1: 0, 4: 2 * rows - 1}) == 4


def test_lists_of_one_depth_count_together():
    assert too_many(b'{"a":[1,2],"a":[3,4]}', {2: 3}) == 2


def test_it_stops_at_the_slice_with_too_many(monkeypatch):
    read = []
    monkeypatch.setattr(
        ListScan,
        "read",
        lambda scan, piece, real=ListScan.read: (read.append(1), real(scan, piece)),
    )
    assert too_many(b'{"instances":[' + b"{}," * 2_000_000 + b"{}]}", {2: 10_000}) == 2
    assert len(read) == 1
