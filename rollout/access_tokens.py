"""Named tokens: who may look at a router, and who may act on it. Only their digests are kept.

Operator and router share this form, as JSON: `{"tokens": [{"name": ..., "role": ..., "sha256": ...,
"made": ...}]}`. A token is 256 bits of chance, so a plain digest of it tells nothing about it."""

import json
from dataclasses import asdict, dataclass
from enum import StrEnum
from hashlib import sha256
from typing import Any

from rollout.errors import BadTokens
from rollout.settings import is_name

OPERATOR = "operator"
"""The name of the token that `up` makes."""
RESERVED = (OPERATOR, "conductor")
"""Actors of the ledger that no named token may be."""
FILE = ("secrets", "tokens.json")
"""Where they are kept, below the state folder."""
VARIABLE = "SLUICE_TOKENS"
"""What has them in the environment, where a router cannot read that file."""
MOST_TOKENS = 100
_DIGEST_DIGITS = 64
_KEYS = {"name", "role", "sha256", "made"}


class TokenRole(StrEnum):
    """What the holder of a token may do: look at everything, or act too."""

    VIEWER = "viewer"
    OPERATOR = "operator"


ROLES = tuple(role.value for role in TokenRole)


@dataclass(frozen=True)
class NamedToken:
    """One token. sha256: its digest, 64 hex digits; made: when, in ISO 8601."""

    name: str
    role: TokenRole
    sha256: str
    made: str = ""


def digest_of(token: bytes) -> str:
    """The digest by which a token is known."""
    return sha256(token).hexdigest()


def to_text(tokens: tuple[NamedToken, ...]) -> str:
    """The list as it is kept, one token a line."""
    lines = ",\n".join(json.dumps(asdict(token)) for token in tokens)
    return f'{{"tokens": [\n{lines}\n]}}\n'


def from_text(text: str) -> tuple[NamedToken, ...]:
    """The kept list; raises BadTokens, which names the token and never repeats a digest."""
    try:
        kept = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise BadTokens(f"it is not JSON ({error})") from None

    if (
        not isinstance(kept, dict)
        or set(kept) != {"tokens"}
        or not isinstance(kept["tokens"], list)
    ):
        raise BadTokens('it is not of the form {"tokens": [...]}')

    if len(kept["tokens"]) > MOST_TOKENS:
        raise BadTokens(f"it has {len(kept['tokens'])} tokens, at most {MOST_TOKENS} are allowed")

    tokens = tuple(_token(value, number) for number, value in enumerate(kept["tokens"], start=1))
    names = [token.name for token in tokens]
    for name in names:
        if names.count(name) > 1:
            raise BadTokens(f"the name {name} is in it twice")

    return tokens


def check_name(name: str) -> None:
    """Raise BadTokens unless a token may have that name, which the ledger keeps as the actor."""
    if not name or not is_name(name):
        raise BadTokens(
            f"{name[:_DIGEST_DIGITS]!r} is no name: letters, digits, '-', '_' and '.', at most 64"
        )

    if name in RESERVED:
        raise BadTokens(f"{name} is a name of Sluice's own: choose another one")


def _token(value: Any, number: int) -> NamedToken:
    if (
        not isinstance(value, dict)
        or set(value) != _KEYS
        or set(map(type, value.values())) != {str}
    ):
        raise BadTokens(f"token {number} has not the texts {', '.join(sorted(_KEYS))}")

    try:
        check_name(value["name"])
    except BadTokens as error:
        raise BadTokens(f"token {number}: {error}") from None

    if value["role"] not in ROLES:
        raise BadTokens(f"token {number}, {value['name']}: its role is one of {', '.join(ROLES)}")

    digest = value["sha256"]
    if len(digest) != _DIGEST_DIGITS or set(digest) - set("0123456789abcdef"):
        raise BadTokens(f"token {number}, {value['name']}: sha256 is 64 hex digits")

    return NamedToken(value["name"], TokenRole(value["role"]), digest, value["made"])
