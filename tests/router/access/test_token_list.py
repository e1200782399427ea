"""The list of valid tokens follows its file, and a broken file is as good as none."""

import logging
import os

import httpx
import pytest

from rollout.access_tokens import digest_of
from router.access.token_list import LARGEST_FILE, TokenList
from tests.router.access.named_tokens import ANA, BOB, keep_tokens
from tests.router.router_harness import OPERATOR, router_harness

OWN = "toy-operator-token-of-sixteen"


def names(tokens: TokenList) -> set[str]:
    """Who of these has a token."""
    return {name for name in ("operator", "ana", "bob") if tokens.of_name(name) is not None}


def test_the_list_follows_its_file(tmp_path):
    tokens = TokenList(OWN, tmp_path / "secrets" / "tokens.json")
    assert names(tokens) == {"operator"}
    path = keep_tokens(tmp_path)
    assert names(tokens) == {"operator", "ana", "bob"}
    assert tokens.of_token(b"sluice_of-ana").name == "ana"
    keep_tokens(tmp_path, "bob")
    assert names(tokens) == {"operator", "bob"}
    assert tokens.of_token(b"sluice_of-ana") is None
    path.unlink()
    assert names(tokens) == {"operator"}


def test_no_token_is_nobodys(tmp_path):
    keep_tokens(tmp_path)
    path = tmp_path / "secrets" / "tokens.json"
    for tokens in (TokenList("", path), TokenList(OWN, path)):
        for shown in (b"", b"sluice_", digest_of(b"sluice_of-ana").encode()):
            assert tokens.of_token(shown) is None

    assert TokenList("").of_token(b"") is None


BROKEN = {
    "cut off": lambda path: path.write_bytes(path.read_bytes()[:-9]),
    "empty": lambda path: path.write_bytes(b""),
    "no text": lambda path: path.write_bytes(b"\xff"),
    "huge": lambda path: path.write_bytes(b" " * (LARGEST_FILE + 1)),
    "a folder": lambda path: (path.unlink(), path.mkdir(0o700)),
    "an unknown role": lambda path: path.write_text(path.read_text().replace("viewer", "root")),
    "a pipe": lambda path: (path.unlink(), os.mkfifo(path, 0o600)),
    "readable by others": lambda path: path.chmod(0o644),
    "writable by others": lambda path: path.chmod(0o622),
    "a loop": lambda path: (path.unlink(), path.symlink_to(path)),
}


@pytest.mark.parametrize("how", BROKEN)
def test_a_broken_file_closes_all_it_had_and_not_the_operators_own(tmp_path, how, caplog):
    path = keep_tokens(tmp_path)
    tokens = TokenList(OWN, path)
    assert names(tokens) == {"operator", "ana", "bob"}
    BROKEN[how](path)
    with caplog.at_level(logging.ERROR):
        for _ in range(3):
            assert names(tokens) == {"operator"}
            assert tokens.of_token(b"sluice_of-bob") is None

    (logged,) = caplog.messages
    assert str(path) in logged
    assert "no named token is valid until it is mended" in logged


def test_a_broken_list_in_the_environment_closes_it_too(tmp_path, caplog):
    path = keep_tokens(tmp_path)
    text = path.read_text()
    assert names(TokenList(OWN, path, text)) == {"operator", "ana", "bob"}
    assert names(TokenList(OWN, path, text[:-9])) == {"operator"}
    assert "SLUICE_TOKENS" in caplog.text


def test_a_router_says_in_its_log_that_its_file_is_broken_and_takes_the_mended_one(tmp_path):
    with router_harness(tmp_path, settings="[router]\nopen_on_loopback = false\n") as made:
        path = keep_tokens(tmp_path)
        made.know(made.version("v1"))
        made.split({"v1": 10000})
        made.router()

        def statuses():
            asked = (ANA, BOB, OPERATOR)
            return [httpx.get(f"{made.url}/status", headers=by).status_code for by in asked]

        assert statuses() == [200, 200, 200]
        path.chmod(0o640)
        assert statuses() == [401, 401, 200]
        assert f"{path}: others may read or write it" in made.log("router")
        path.chmod(0o600)
        assert statuses() == [200, 200, 200]
        path.write_text("{")
        assert statuses() == [401, 401, 200]
        assert f"{path}: it is not JSON" in made.log("router")
        keep_tokens(tmp_path, "ana")
        assert statuses() == [200, 401, 200]
