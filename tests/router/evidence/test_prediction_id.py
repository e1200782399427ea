"""A prediction has one id, written in one way; whatever else decodes to it is none."""

from base64 import urlsafe_b64decode
from string import ascii_letters, digits, punctuation

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.evidence.prediction_id import (
    LONGEST,
    BadToken,
    SignedPrediction,
    _encoded,
    _signature,
    label_id,
    opened,
    read,
    sign,
    signature_of,
)

KEY = b"a key of sixteen or more"
PREDICTIONS = st.builds(
    SignedPrediction,
    version=st.sampled_from(["v1", "v2", "a-longer-name"]),
    weight=st.integers(0, 10_000),
    at_ms=st.integers(0, 2**48),
    serial=st.integers(0, 2**32),
    scores=st.lists(st.floats(allow_nan=False), max_size=3),
    classes=st.lists(st.text(max_size=5), max_size=3),
    rollout=st.integers(0, 2**31 - 1),
    unit=st.integers(0, 2**32 - 1),
    bets=st.booleans(),
    rows=st.integers(0, 10_000),
)
SIGNS = ascii_letters + digits + punctuation + " \n\t=é"


def decoded(token):
    """What Python's decoder makes of a text."""
    try:
        return urlsafe_b64decode(token.encode() + b"=" * (-len(token) % 4))
    except ValueError:
        return None


@given(PREDICTIONS)
def test_an_id_is_read_as_it_was_signed(prediction):
    token = sign(prediction, KEY)
    assert opened(token.decode(), KEY) == (prediction, signature_of(token))


@given(PREDICTIONS, st.data())
def test_no_other_spelling_of_an_id_is_one(prediction, data):
    token = sign(prediction, KEY).decode()
    changed = list(token)
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.integers(0, len(changed)))
        sign_ = data.draw(st.sampled_from(SIGNS))
        if data.draw(st.booleans()):
            changed.insert(place, sign_)
        else:
            changed[place % len(changed)] = sign_

    other = "".join(changed)
    if other == token:
        return

    with pytest.raises(BadToken):
        read(other, KEY)


@pytest.mark.parametrize(
    "spelling", ["{}!!!!", "....{}", "{}    ", "{}\n\n\n\n", "{}====", "{}=", "{}AA"]
)
def test_what_the_decoder_skips_makes_no_second_id(spelling):
    token = sign(SignedPrediction("v1", 100, 1, 2, [0.3], ["0"], 5, 9, True, 1), KEY).decode()
    with pytest.raises(BadToken):
        read(spelling.format(token), KEY)


@given(st.integers(0, 200), st.sampled_from(ascii_letters + digits + "-_"))
def test_the_bits_that_no_byte_uses_make_no_second_id(length, last):
    token = sign(SignedPrediction("v" * length, 1, 1, 1, [], []), KEY).decode()
    other = token[:-1] + last
    if other != token:
        with pytest.raises(BadToken):
            read(other, KEY)
        # Of one length in two, some of these would be read as the same bytes.
        assert decoded(other) is not None


@pytest.mark.parametrize("token", ["", "A", "é", "x" * (LONGEST + 1), "\ud800"])
def test_what_is_no_id_is_refused(token):
    with pytest.raises(BadToken):
        read(token, KEY)


def test_labels_of_several_rows_are_counted_apart():
    assert [label_id("s", 0, 1), label_id("s", 0, 2), label_id("s", 1, 2)] == ["s", "s.0", "s.1"]


def test_an_id_from_before_it_told_its_rows_is_read():
    fields = list(
        msgspec.structs.astuple(SignedPrediction("v1", 1, 1, 1, [0.5], ["1"], 4, 1, True))
    )[:-1]
    payload = msgspec.msgpack.encode(fields)
    assert read(_encoded(payload + _signature(payload, KEY)).decode(), KEY).rows == 0
