"""The target against the emulator: an app that was deleted by hand is named, and a version's log
goes to the router.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from deployment.commands import tokens
from deployment.workspace.secrets import make_secrets
from deployment.workspace.state_dir import make_folders
from deployment.workspace.workspace import Workspace, workspace_from_environment
from rollout.access_tokens import VARIABLE, from_text
from rollout.settings import from_mapping
from rollout.state.ledger import Ledger, Version
from rollout.state.version_state import State
from targets.heroku.app_group import open_app_group
from targets.heroku.errors import HerokuFailure
from targets.heroku.target import HerokuTarget
from targets.registry import open_target
from tests.emulator.emulator_harness import TOKEN, Heroku, start, stop

SETTINGS: dict[str, Any] = {"deployment": {"target": "heroku"}, "heroku": {"app_prefix": "gone"}}


@pytest.fixture(scope="module")
def heroku() -> Iterator[Heroku]:
    """An emulator."""
    running = start(None)
    yield running
    assert stop(running) == 0


@pytest.fixture
def here(heroku: Heroku, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Workspace]:
    """A place there; what a test makes is removed."""
    monkeypatch.setenv("HEROKU_HOST", heroku.base)
    monkeypatch.setenv("HEROKU_API_KEY", TOKEN)
    made = workspace_from_environment(
        {**os.environ, "SLUICE_STATE": str(tmp_path), "DATABASE_URL": ""}, from_mapping(SETTINGS)
    )
    make_folders(made)
    make_secrets(made)
    yield made
    for app in heroku.call("GET", "/apps"):
        heroku.call("DELETE", f"/apps/{app['name']}")


def app(heroku: Heroku, name: str) -> str:
    """Make an app; returns its address."""
    return str(heroku.call("POST", "/apps", json={"name": f"gone-{name}"})["web_url"]).rstrip("/")


def home_of(here: Workspace, ledger: Ledger, version: str) -> tuple[str, str]:
    """Program and address of the version's next process."""
    with open_target(here) as target:
        return target.home(ledger, version)


def ledger_of(state: State, address: str) -> Ledger:
    """v1 in this state, at this address."""
    return Ledger("flights", 1).with_version(
        Version("v1", state, address, "gone-v1", "d", "onnx", 0.0)
    )


def test_a_version_that_runs_keeps_its_app_and_address(heroku: Heroku, here: Workspace) -> None:
    address = app(heroku, "v1")
    assert home_of(here, ledger_of(State.RELEASED, address), "v1") == ("gone-v1", address)


@pytest.mark.parametrize("remade", [False, True], ids=["gone", "made anew by hand"])
def test_a_live_version_whose_app_was_deleted_is_named_with_the_way_out(
    heroku: Heroku, here: Workspace, remade: bool
) -> None:
    address = app(heroku, "v1")
    heroku.call("DELETE", "/apps/gone-v1")
    if remade:
        app(heroku, "v1")

    with pytest.raises(HerokuFailure) as refusal:
        home_of(here, ledger_of(State.DEPLOYED, address), "v1")

    assert str(refusal.value).startswith(
        "v1 is live in the ledger, but its app gone-v1 was deleted: "
    )
    assert "`python deploy.py retire v1`, then `python deploy.py deploy v1`" in str(refusal.value)
    assert [each["name"] for each in heroku.call("GET", "/apps")] == ["gone-v1"] * remade


@pytest.mark.parametrize(
    "ledger", [Ledger("flights", 1), ledger_of(State.RETIRED, "https://old.herokuapp.com")]
)
def test_a_version_that_is_not_live_gets_an_app_where_it_has_none(
    heroku: Heroku, here: Workspace, ledger: Ledger
) -> None:
    program, address = home_of(here, ledger, "v1")
    assert address == str(heroku.call("GET", f"/apps/{program}")["web_url"]).rstrip("/")


def test_the_log_of_a_version_goes_to_the_router_once_and_the_secret_is_never_said(
    heroku: Heroku, here: Workspace
) -> None:
    router = app(heroku, "router").removeprefix("https://")
    app(heroku, "v1")
    said: list[str] = []
    secrets = make_secrets(here)
    with open_app_group(here, said.append) as there:
        for _ in range(3):
            there.ensure_log_drain("v1", "gone-v1", secrets)

    (drain,) = heroku.call("GET", "/apps/gone-v1/log-drains")
    assert drain["url"].startswith("https://drain:")
    assert drain["url"].endswith(f"@{router}/drains/v1")
    assert said == ["gone-v1: its log goes to the router"]


def test_tokens_are_a_config_var_of_the_router_and_hold_none(
    heroku: Heroku, here: Workspace
) -> None:
    # Before the first `up` there is no router to hand them to.
    made = tokens.add(here, "ana", "viewer")
    app(heroku, "router")
    tokens.add(here, "bob", "operator")
    values = heroku.call("GET", "/apps/gone-router/config-vars")
    assert from_text(values[VARIABLE]) == tokens.kept(here)
    assert [token.name for token in tokens.kept(here)] == ["ana", "bob"]
    assert made.token not in str(values)
    for name in ("ana", "bob"):
        tokens.revoke(here, name)

    assert from_text(heroku.call("GET", "/apps/gone-router/config-vars")[VARIABLE]) == ()


def test_where_a_log_cannot_go_to_the_router_a_deploy_goes_on_and_says_so(
    heroku: Heroku, here: Workspace
) -> None:
    app(heroku, "v1")
    said: list[str] = []
    with open_app_group(here, said.append) as there:
        there.ensure_log_drain("v1", "gone-v1", make_secrets(here))

    assert said[0].startswith(
        "v1 short of memory would not be noticed: there is no app gone-router"
    )


def test_a_target_that_did_nothing_asked_nobody(heroku: Heroku, here: Workspace) -> None:
    before = heroku.account()["requests"]
    HerokuTarget(here, lambda _: None).close()
    assert heroku.account()["requests"] == before
