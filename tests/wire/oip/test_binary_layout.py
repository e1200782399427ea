"""A binary row behind a head that is known reads as it does behind one that is not."""

import json
import struct

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.wire.oip.test_rows import DTYPES
from wire.oip import binary_layout
from wire.oip.binary_layout import BinaryLayouts
from wire.oip.one_row import one_row
from wire.oip.request import parse

NUMBERS = {name: dtype for name, dtype in DTYPES.items() if name != "BOOL"}


def text(value: str) -> bytes:
    """Binary data of one text."""
    octets = value.encode()
    return struct.pack("<I", len(octets)) + octets


def sent(parts, **more) -> tuple[bytes, bytes]:
    """The head and the data of one row. parts: (datatype, its data)."""
    inputs = [
        {
            "name": f"c{number}",
            "shape": [1, 1] if number % 2 else [1],
            "datatype": datatype,
            "parameters": {"binary_data_size": len(data)},
        }
        for number, (datatype, data) in enumerate(parts)
    ]
    head = json.dumps({"inputs": inputs, **more}).encode()
    return head, b"".join(data for _, data in parts)


def closely(head: bytes, data: bytes):
    """The row as it is read behind a head that is not known."""
    request = parse(head + data, len(head))
    only = one_row(request.request, request.parts)
    return None if only is None else bytes(only.row)


def learnt(layouts: BinaryLayouts, head: bytes, data: bytes):
    """The layout of a head after it came twice; None where it is not kept."""
    for _ in range(2):
        request = parse(head + data, len(head))
        layouts.learn(head, request.request, one_row(request.request, request.parts).layout)

    return layouts.of(head + data, len(head))


def at_once(layout, head: bytes, data: bytes):
    """The row behind a head that is known."""
    row = layout.row(head + data, len(head))
    return None if row is None else bytes(row)


PLAIN = [(name, np.array([1], dtype).tobytes()) for name, dtype in NUMBERS.items()]
PLAIN += [("BYTES", text("Málaga")), ("BYTES", text(""))]
HEAD, DATA = sent(PLAIN)
NUMBERS_HEAD, ONES = sent(PLAIN[: len(NUMBERS)])


@given(st.binary(min_size=len(ONES), max_size=len(ONES)), st.binary(min_size=7, max_size=7))
def test_whatever_the_bytes_are_both_ways_read_the_same(numbers, word):
    layout = learnt(BinaryLayouts(), NUMBERS_HEAD, ONES)
    assert at_once(layout, NUMBERS_HEAD, numbers) == closely(NUMBERS_HEAD, numbers)
    layout = learnt(BinaryLayouts(), HEAD, DATA)
    texts = struct.pack("<I", len(word)) + word + text("")
    for data in (numbers + texts, ONES + texts, numbers + texts[::-1]):
        assert at_once(layout, HEAD, data) == closely(HEAD, data)


@given(
    st.lists(st.floats(width=64), min_size=3, max_size=3),
    st.integers(-(2**63), 2**63 - 1),
    st.text(min_size=4, max_size=4),
)
def test_values_are_exact_and_what_is_no_plain_value_gets_a_closer_look(floats, whole, word):
    parts = [("FP64", struct.pack("<d", value)) for value in floats]
    parts += [("INT64", struct.pack("<q", whole)), ("BYTES", text(word))]
    head, data = sent(parts)
    usual = [("FP64", struct.pack("<d", 1.0))] * 3 + parts[3:]
    layout = learnt(BinaryLayouts(), *sent(usual))
    row = at_once(layout, head, data)
    assert row == closely(head, data)
    if np.isfinite(floats).all():
        assert list(msgspec.json.decode(row).values()) == [*floats, whole, word]
    else:
        assert row is None


@pytest.mark.parametrize("data", [DATA[:-1], DATA + b"\0", b""])
def test_data_of_another_length_get_a_closer_look(data):
    assert at_once(learnt(BinaryLayouts(), HEAD, DATA), HEAD, data) is None


def test_each_of_several_heads_has_its_own_layout():
    layouts = BinaryLayouts()
    rows = [sent([("BYTES", text("x" * length))]) for length in (3, 5, 12)]
    for head, data in rows:
        learnt(layouts, head, data)

    for head, data in [*rows, *rows[::-1]]:
        assert at_once(layouts.of(head + data, len(head)), head, data) == closely(head, data)
        assert layouts.of(head + data, len(head) - 1) is None


def test_a_head_is_kept_once_it_comes_again():
    layouts = BinaryLayouts()
    request = parse(HEAD + DATA, len(HEAD))
    columns = one_row(request.request, request.parts).layout
    layouts.learn(HEAD, request.request, columns)
    assert layouts.of(HEAD + DATA, len(HEAD)) is None
    layouts.learn(HEAD, request.request, columns)
    assert layouts.of(HEAD + DATA, len(HEAD)) is not None


@pytest.mark.parametrize(
    ("more", "is_kept"),
    [
        ({"parameters": {"binary_data_output": True}}, True),
        ({"outputs": [{"name": "predict", "parameters": {"binary_data": False}}]}, True),
        ({"id": "7"}, False),
        ({"parameters": {"binary_data_output": [[]] * 500}}, False),
        ({"parameters": {"priority": 1}}, False),
        ({"outputs": [{"name": "predict", "parameters": {"classification": 2}}]}, False),
    ],
)
def test_only_what_clients_send_again_and_again_is_kept(more, is_kept):
    assert (learnt(BinaryLayouts(), *sent(PLAIN, **more)) is not None) == is_kept


def test_a_tensor_with_a_content_type_is_not_kept():
    head, data = sent([("INT8", b"\1")])
    head = head.replace(b'{"binary', b'{"content_type": "np", "binary')
    assert learnt(BinaryLayouts(), head, data) is None


def test_so_many_heads_are_kept_and_no_more(monkeypatch):
    monkeypatch.setattr(binary_layout, "MOST_HEADS", 5)
    monkeypatch.setattr(binary_layout, "MOST_SEEN", 7)
    layouts = BinaryLayouts()
    for length in range(50):
        head, data = sent([("BYTES", text("x" * length))])
        assert learnt(layouts, head, data) is not None
        assert len(layouts._known) <= 5
        assert len(layouts._seen) <= 7
