"""`tokens`: makes, lists and revokes the named tokens of colleagues.

A router on this machine takes a change with its next request; on a platform it is handed over."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime

from deployment.workspace.errors import BadOption, EdgeFailure
from deployment.workspace.locks import held
from deployment.workspace.state_dir import make_folders
from deployment.workspace.token_file import read_tokens, write_tokens
from deployment.workspace.workspace import Workspace
from rollout.access_tokens import (
    MOST_TOKENS,
    OPERATOR,
    ROLES,
    NamedToken,
    TokenRole,
    check_name,
    digest_of,
)
from rollout.errors import BadTokens
from targets.base import Say, silent
from targets.registry import open_target

# What it is shows where somebody finds it, and scanners for leaked secrets know such prefixes.
PREFIX = "sluice_"


@dataclass(frozen=True)
class AddedToken:
    """A token that was made, and what is kept of it."""

    named: NamedToken
    token: str = field(repr=False)


def kept(workspace: Workspace) -> tuple[NamedToken, ...]:
    """The named tokens, in the order in which they were made."""
    return read_tokens(workspace)


def add(workspace: Workspace, name: str | None, role: str, say: Say = silent) -> AddedToken:
    """Make a token; raises BadOption, BadTokens, EdgeFailure."""
    known_name = _required(name, "add")
    if role not in ROLES:
        raise BadOption(f"--role is {' or '.join(ROLES)}, not {role!r}")

    check_name(known_name)
    token = PREFIX + secrets.token_urlsafe(32)
    made = datetime.now(UTC).isoformat(sep=" ", timespec="seconds").replace("+00:00", " UTC")
    named = NamedToken(known_name, TokenRole(role), digest_of(token.encode()), made)
    with _held_list(workspace) as tokens:
        if any(other.name == known_name for other in tokens):
            raise BadTokens(
                f"{known_name} has a token already: `python deploy.py tokens revoke {known_name}` "
                "first, or choose another name"
            )
        if len(tokens) >= MOST_TOKENS:
            raise BadTokens(f"there are {MOST_TOKENS} tokens, as many as may be: revoke some")

        write_tokens(workspace, (*tokens, named))
        try:
            _publish(workspace, say)
        except EdgeFailure as error:
            write_tokens(workspace, tokens)
            raise EdgeFailure(f"no token was made: {error}") from error

    return AddedToken(named, token)


def revoke(workspace: Workspace, name: str | None, say: Say = silent) -> NamedToken:
    """Revoke a token, which ends its sessions too; raises BadOption, BadTokens, EdgeFailure."""
    known_name = _required(name, "revoke")
    if known_name == OPERATOR:
        raise BadTokens(
            "the operator's own token is no named one: write another one (32 characters or more) "
            "into secrets/operator of the state folder, then `python deploy.py down` and `up`"
        )

    with _held_list(workspace) as tokens:
        revoked = [token for token in tokens if token.name == known_name]
        if not revoked:
            raise BadTokens(
                f"{known_name} has no token: `python deploy.py tokens list` shows who has"
            )

        write_tokens(workspace, tuple(token for token in tokens if token.name != known_name))
        try:
            _publish(workspace, say)
        except EdgeFailure as error:
            raise EdgeFailure(
                f"{known_name} is revoked here and still valid at the router: {error}. `python "
                "deploy.py up` hands the change over"
            ) from error

    return revoked[0]


def refuse_action(action: str) -> None:
    """Raise BadOption for a word that is no action."""
    raise BadOption(f"tokens {action!r} is not known: add NAME, list, or revoke NAME")


def refuse_name(name: str | None) -> None:
    """Raise BadOption for a name where none belongs."""
    if name is not None:
        raise BadOption("`tokens list` takes no name: leave it out")


@contextmanager
def _held_list(workspace: Workspace) -> Iterator[tuple[NamedToken, ...]]:
    """The named tokens, which nobody else changes meanwhile."""
    make_folders(workspace)
    with held(workspace, "tokens", "changing the tokens"):
        yield read_tokens(workspace)


def _required(name: str | None, action: str) -> str:
    if name is None:
        raise BadOption(f"whose token? `python deploy.py tokens {action} NAME`")
    return name


def _publish(workspace: Workspace, say: Say) -> None:
    with open_target(workspace, say) as target:
        target.publish_tokens()
