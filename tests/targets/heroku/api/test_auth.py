"""Where the token and the API's address come from."""

from pathlib import Path

import pytest

from deployment.workspace.errors import Misconfigured
from targets.heroku.api.auth import account
from targets.heroku.errors import NoToken
from tests.targets.heroku.scripted_server import TOKEN


def netrc(folder: Path, text: str) -> dict[str, str]:
    """An environment whose home has that .netrc."""
    (folder / ".netrc").write_text(text)
    return {"HOME": str(folder)}


def test_the_environment_comes_first(tmp_path: Path) -> None:
    environ = netrc(tmp_path, "machine api.heroku.com login me password other\n")
    found = account({**environ, "HEROKU_API_KEY": f" {TOKEN}\n"})
    assert (found.token, found.api, found.token_from) == (
        TOKEN,
        "https://api.heroku.com",
        "HEROKU_API_KEY",
    )


def test_then_the_netrc(tmp_path: Path) -> None:
    found = account(
        netrc(tmp_path, f"machine api.heroku.com\n  login me@example.org\n  password {TOKEN}\n")
    )
    assert (found.token, found.token_from) == (TOKEN, str(tmp_path / ".netrc"))


def test_without_a_token_the_next_step_is_said(tmp_path: Path) -> None:
    with pytest.raises(NoToken, match=r"export HEROKU_API_KEY=\$\(heroku auth:token\)"):
        account({"HOME": str(tmp_path)})
    with pytest.raises(NoToken, match="the name is HEROKU_API_KEY"):
        account({"HOME": str(tmp_path), "HEROKU_API_TOKEN": TOKEN})


def test_a_netrc_that_cannot_be_read_is_named_without_its_content(tmp_path: Path) -> None:
    with pytest.raises(NoToken, match=r"\.netrc cannot be read") as caught:
        account(netrc(tmp_path, f"machine api.heroku.com nonsense {TOKEN}\n"))
    assert TOKEN not in str(caught.value)


def test_a_token_with_a_line_end_inside_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NoToken, match="copy it again"):
        account({"HOME": str(tmp_path), "HEROKU_API_KEY": "HRKU-1\nX-Other: 2"})


def test_a_rehearsal_is_not_told_the_real_token_of_the_netrc(tmp_path: Path) -> None:
    environ = netrc(tmp_path, f"machine api.heroku.com login me password {TOKEN}\n")
    with pytest.raises(NoToken):
        account({**environ, "HEROKU_HOST": "http://127.0.0.1:5000"})


@pytest.mark.parametrize(
    ("name", "given", "api"),
    [
        ("HEROKU_HOST", "heroku.com", "https://api.heroku.com"),
        ("HEROKU_HOST", "staging.herokudev.com", "https://api.staging.herokudev.com"),
        ("HEROKU_HOST", "http://127.0.0.1:5000/", "http://127.0.0.1:5000"),
        ("HEROKU_HOST", "http://localhost:5000", "http://localhost:5000"),
        ("HEROKU_API_URL", "https://api.heroku.com", "https://api.heroku.com"),
    ],
)
def test_an_allowed_address(name: str, given: str, api: str) -> None:
    assert account({"HEROKU_API_KEY": TOKEN, name: given}).api == api


@pytest.mark.parametrize(
    "given",
    [
        "https://evil.example",
        "evilheroku.com",
        "https://heroku.com.evil.example",
        "https://localhost.evil.example",
        "https://me:secret@api.heroku.com",
        "http://api.heroku.com",
        "https://[::bad",
    ],
)
def test_the_token_is_sent_nowhere_else(given: str) -> None:
    with pytest.raises(Misconfigured, match="HEROKU_HOST"):
        account({"HEROKU_API_KEY": TOKEN, "HEROKU_HOST": given})


def test_the_token_is_in_no_repr() -> None:
    assert TOKEN not in repr(account({"HEROKU_API_KEY": TOKEN}))
