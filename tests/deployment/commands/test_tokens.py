"""`tokens`: what is made, listed, revoked and refused, and that nothing but digests is kept."""

import os
from concurrent.futures import ThreadPoolExecutor

import pytest

from deployment.commands import tokens
from deployment.workspace.errors import EdgeFailure, Misconfigured
from deployment.workspace.token_file import read_tokens, tokens_file
from rollout.access_tokens import MOST_TOKENS, NamedToken, TokenRole, digest_of, to_text
from rollout.errors import BadTokens
from targets.local.target import LocalTarget
from tests.deployment.project_harness import ProjectHarness


def test_a_token_is_printed_once_and_its_digest_alone_is_kept(project: ProjectHarness) -> None:
    made = project.run("tokens", "add", "ana", "--role", "viewer", "--json").json
    assert made["token"].startswith("sluice_")
    assert len(made["token"]) >= 50
    path = tokens_file(project.workspace())
    assert made["token"] not in path.read_text()
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    (kept,) = read_tokens(project.workspace())
    assert (kept.name, kept.role) == ("ana", TokenRole.VIEWER)
    assert kept.sha256 == digest_of(made["token"].encode())
    assert made["token"] not in project.run("tokens", "list").out
    assert kept.sha256 not in project.run("tokens", "list", "--json").out


def test_a_token_is_a_viewers_by_default(project: ProjectHarness) -> None:
    assert "✔ ana may look with this token" in project.run("tokens", "add", "ana").out
    assert project.run("tokens", "list", "--json").json["tokens"][0]["role"] == "viewer"


def test_who_is_revoked_is_gone_and_others_stay(project: ProjectHarness) -> None:
    here = project.workspace()
    for name in ("ana", "bob", "eve"):
        tokens.add(here, name, "operator")

    assert tokens.revoke(here, "bob").name == "bob"
    assert [token.name for token in tokens.kept(here)] == ["ana", "eve"]
    tokens.add(here, "bob", "viewer")
    assert [token.role for token in tokens.kept(here)] == ["operator", "operator", "viewer"]


@pytest.mark.parametrize(
    ("words", "code", "error"),
    [
        (("add",), 2, "whose token?"),
        (("revoke",), 2, "whose token?"),
        (("list", "ana"), 2, "takes no name"),
        (("remove", "ana"), 2, "add NAME, list, or revoke NAME"),
        (("add", "ana", "--role", "root"), 2, "--role is viewer or operator, not 'root'"),
        (("add", "a b"), 1, "is no name"),
        (("add", "operator"), 1, "a name of Sluice's own"),
        (("revoke", "ana"), 1, "ana has no token"),
        (("revoke", "operator"), 1, "secrets/operator of the state folder"),
    ],
)
def test_what_is_refused_is_told_and_changes_nothing(
    project: ProjectHarness, words: tuple[str, ...], code: int, error: str
) -> None:
    assert error in project.run("tokens", *words, code=code).err
    assert read_tokens(project.workspace()) == ()


def test_a_name_has_one_token_and_the_list_an_end(project: ProjectHarness) -> None:
    here = project.workspace()
    tokens.add(here, "ana", "viewer")
    with pytest.raises(BadTokens, match="ana has a token already"):
        tokens.add(here, "ana", "operator")

    many = tuple(
        NamedToken(f"n{number}", TokenRole.VIEWER, "0" * 64) for number in range(MOST_TOKENS)
    )
    tokens_file(here).write_text(to_text(many))
    with pytest.raises(BadTokens, match="there are 100 tokens"):
        tokens.add(here, "one-more", "viewer")


def test_changes_at_once_lose_none(project: ProjectHarness) -> None:
    refused: list[str] = []

    def add(number: int) -> None:
        try:
            tokens.add(project.workspace(), f"n{number}", "viewer")
        except EdgeFailure as error:
            refused.append(str(error))

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(add, range(40)))

    assert len(read_tokens(project.workspace())) == 40 - len(refused) > 0
    assert all("is changing the tokens right now" in error for error in refused)


@pytest.mark.parametrize(("text", "mode"), [("{", 0o600), ("", 0o600), (to_text(()), 0o644)])
def test_a_broken_file_is_told_and_never_overwritten(
    project: ProjectHarness, text: str, mode: int
) -> None:
    here = project.workspace()
    path = tokens_file(here)
    path.parent.mkdir(parents=True)
    path.write_text(text)
    path.chmod(mode)
    for change in (
        lambda: tokens.add(here, "ana", "viewer"),
        lambda: tokens.revoke(here, "ana"),
        lambda: tokens.kept(here),
    ):
        with pytest.raises(Misconfigured, match="no named token is valid"):
            change()

    assert path.read_text() == text


def test_a_token_that_no_router_takes_is_not_made(
    project: ProjectHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = project.workspace()
    tokens.add(here, "ana", "viewer")

    def away(_: LocalTarget) -> None:
        raise EdgeFailure("the platform is away")

    monkeypatch.setattr(LocalTarget, "publish_tokens", away)
    with pytest.raises(EdgeFailure, match="no token was made: the platform is away"):
        tokens.add(here, "bob", "viewer")

    assert [token.name for token in tokens.kept(here)] == ["ana"]
    with pytest.raises(EdgeFailure, match="revoked here and still valid at the router"):
        tokens.revoke(here, "ana")

    assert tokens.kept(here) == ()
    assert list(tokens_file(here).parent.iterdir()) == [tokens_file(here)]
    assert os.access(tokens_file(here), os.R_OK)
