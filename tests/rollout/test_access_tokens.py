"""The list of named tokens: a round trip, and what is refused."""

import json

import pytest

from rollout.access_tokens import (
    MOST_TOKENS,
    NamedToken,
    TokenRole,
    check_name,
    digest_of,
    from_text,
    to_text,
)
from rollout.errors import BadTokens

ANA = NamedToken("ana", TokenRole.VIEWER, digest_of(b"of ana"), "2026-11-30 06:00:00 UTC")
BOB = NamedToken("bob", TokenRole.OPERATOR, digest_of(b"of bob"), "2026-11-30 06:01:00 UTC")
ROW = {"name": "ana", "role": "viewer", "sha256": "0" * 64, "made": ""}


def listed(*rows: object) -> str:
    """The text of a list with these entries."""
    return json.dumps({"tokens": rows})


@pytest.mark.parametrize("tokens", [(), (ANA,), (ANA, BOB)])
def test_what_is_kept_is_read_again_and_holds_no_token(tokens):
    text = to_text(tokens)
    assert from_text(text) == tokens
    assert "of ana" not in text


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "not JSON"),
        ("{", "not JSON"),
        ("[" * 100_000, "not JSON"),
        ("[]", "not of the form"),
        ('{"tokens": {}}', "not of the form"),
        ('{"tokens": [], "more": 1}', "not of the form"),
        (listed("ana"), "token 1 has not the texts"),
        (listed(ROW, {**ROW, "role": 1}), "token 2 has not the texts"),
        (listed({**ROW, "more": ""}), "token 1 has not the texts"),
        (listed({**ROW, "name": "a b"}), "token 1: 'a b' is no name"),
        (listed({**ROW, "name": ""}), "token 1: '' is no name"),
        (listed({**ROW, "name": "operator"}), "a name of Sluice's own"),
        (listed({**ROW, "name": "conductor"}), "a name of Sluice's own"),
        (listed({**ROW, "role": "root"}), "token 1, ana: its role is one of viewer, operator"),
        (listed({**ROW, "sha256": "0" * 63}), "token 1, ana: sha256 is 64 hex digits"),
        (listed({**ROW, "sha256": "G" * 64}), "token 1, ana: sha256 is 64 hex digits"),
        (listed(ROW, ROW), "the name ana is in it twice"),
        (listed(*[ROW] * (MOST_TOKENS + 1)), "it has 101 tokens"),
    ],
)
def test_any_other_list_is_refused_as_a_whole(text, why):
    with pytest.raises(BadTokens, match=why) as refused:
        from_text(text)

    assert "0" * 63 not in str(refused.value)


@pytest.mark.parametrize("name", ["", " ", "a/b", "a" * 65, "-a", "ana\n", "operator"])
def test_a_name_that_the_ledger_could_not_tell_apart_is_refused(name):
    with pytest.raises(BadTokens):
        check_name(name)
