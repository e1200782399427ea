"""A mark is good for two minutes, for its model, with the workspace's secret alone."""

import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wire.load_mark import (
    LASTS_S,
    LONGEST,
    SIGNATURE_DIGITS,
    BadMark,
    check_mark,
    make_mark,
    mark_key,
)

NOW = 1_800_000_000.0
KEY = mark_key(b"a workspace's secret", "flights")
MARK = make_mark(KEY, "1a2b", NOW)


def test_a_mark_is_good_until_it_expires():
    assert check_mark(KEY, MARK, NOW) == NOW + LASTS_S
    assert check_mark(KEY, MARK, NOW + LASTS_S - 1)
    with pytest.raises(BadMark, match="expired"):
        check_mark(KEY, MARK, NOW + LASTS_S)


@pytest.mark.parametrize(
    "key",
    [
        mark_key(b"another secret", "flights"),
        mark_key(b"a workspace's secret", "loans"),
        mark_key(b"a workspace's secret", "flights", "prediction id"),
    ],
)
def test_no_other_key_signs_it(key):
    with pytest.raises(BadMark, match="not signed"):
        check_mark(key, MARK, NOW)


@given(st.integers(0, len(MARK) - 1), st.characters())
def test_a_changed_mark_is_refused(place, character):
    changed = MARK[:place] + character + MARK[place + 1 :]
    if changed == MARK:
        return

    with pytest.raises(BadMark):
        check_mark(KEY, changed, NOW)


@pytest.mark.parametrize(
    "expires", ["²", "١٨٠٠٠٠٠٠٠٠", "1_800_000_100", " 1800000100", "1e9", "-1"]
)
def test_an_expiry_of_other_digits_is_no_mark(expires):
    signed = f"run.{expires}"
    signature = hmac.new(KEY, signed.encode(), "sha256").hexdigest()[:SIGNATURE_DIGITS]
    with pytest.raises(BadMark, match="no mark"):
        check_mark(KEY, f"{signed}.{signature}", NOW)


@given(st.text(max_size=150))
def test_no_text_is_a_mark(text):
    with pytest.raises(BadMark):
        check_mark(KEY, text, NOW)


def test_neither_a_longer_life_nor_a_long_name_can_be_had():
    run, expires, signature = MARK.split(".")
    for text in (f"{run}.{int(expires) + 60}.{signature}", "a" * LONGEST + MARK):
        with pytest.raises(BadMark):
            check_mark(KEY, text, NOW)

    with pytest.raises(BadMark, match="future"):
        check_mark(KEY, make_mark(KEY, "x", NOW + 3 * LASTS_S), NOW)
