"""Heroku's own command-line client shows what was done, when it is pointed at the emulator.

The client is npm's package `heroku`, installed once into the user's cache.
"""

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from emulator.checks import schema_file
from tests.emulator.emulator_harness import TOKEN, Heroku

VERSION = "11.10.0"
pytestmark = [pytest.mark.timeout(400), pytest.mark.soak]


@pytest.fixture(scope="session")
def client() -> Path:
    """The client's start file; skips where it cannot be installed."""
    folder = schema_file.cached().parent / f"heroku-cli-{VERSION}"
    start = folder / "node_modules" / "heroku" / "bin" / "run"
    if shutil.which("npm") is None or shutil.which("node") is None:
        pytest.skip("npm is not here: Heroku's own client is not tested")

    if not (folder / "complete").is_file():
        folder.mkdir(parents=True, exist_ok=True)
        words = [
            "npm",
            "install",
            "--no-audit",
            "--no-fund",
            "--ignore-scripts",
            "--prefix",
            ".",
            f"heroku@{VERSION}",
        ]
        try:
            done = subprocess.run(
                words, cwd=folder, capture_output=True, text=True, timeout=300, check=False
            )
        except subprocess.TimeoutExpired:
            pytest.skip("npm's registry is too slow: Heroku's own client is not tested")
        if done.returncode:
            pytest.skip(f"npm cannot install Heroku's client: {done.stderr[-200:]}")
        (folder / "complete").touch()

    return next(path for path in (start, start.with_suffix(".js")) if path.is_file())


@pytest.fixture(scope="module")
def cli(client, tmp_path_factory, lenient) -> Callable[..., str]:
    """Runs a command of the client; returns what it printed."""
    home = tmp_path_factory.mktemp("home")
    kept = {name: value for name, value in os.environ.items() if not name.startswith("HEROKU_")}
    quiet = {
        "DISABLE_TELEMETRY": "true",
        "HEROKU_COLOR": "0",
        "NO_COLOR": "1",
        "HEROKU_SKIP_NEW_VERSION_CHECK": "true",
    }
    environ = {**kept, **quiet, "HEROKU_HOST": lenient.base, "HEROKU_API_KEY": TOKEN}
    environ |= {"HEROKU_DATA_HOST": "127.0.0.1"}
    environ |= {
        "HOME": str(home),
        "XDG_CACHE_HOME": str(home),
        "XDG_DATA_HOME": str(home),
        "XDG_CONFIG_HOME": str(home),
    }

    def run(*words: str) -> str:
        command = ["node", str(client), *words]
        done = subprocess.run(
            command, env=environ, cwd=home, capture_output=True, text=True, timeout=300, check=False
        )
        assert done.returncode == 0, f"{words}: {done.stdout}{done.stderr}"
        return done.stdout + done.stderr

    return run


@pytest.fixture(scope="module")
def lenient(hurried: Heroku) -> Heroku:
    """The emulator that these tests use: the client sends keys that the published schema does not
    have.
    """
    return hurried


@pytest.fixture(scope="module")
def app(lenient):
    return lenient.sample_app(COLOUR="red")


def test_apps_info_shows_address_stack_and_dynos(cli, app):
    shown = cli("apps:info", "--app", app["name"])
    assert app["web_url"] in shown
    assert "heroku-24" in shown
    assert "web: 1" in shown


def test_ps_shows_the_dyno_that_is_up(cli, app):
    shown = cli("ps", "--app", app["name"])
    assert "web.1: up" in shown
    assert "python sample_app.py" in shown


def test_config_is_shown_and_set(cli, app):
    assert "red" in cli("config", "--app", app["name"])
    shown = cli("config:set", "COLOUR=blue", "--app", app["name"])
    assert "done, v5" in shown
    assert "blue" in shown


def test_releases_are_listed_and_rolled_back(cli, app, lenient):
    assert "Set COLOUR config vars" in cli("releases", "--app", app["name"])
    before = json.loads(cli("releases", "--json", "--app", app["name"]))[0]["version"]
    shown = cli("releases:rollback", "--app", app["name"])
    assert f"done, v{before + 1}" in shown
    assert lenient.releases(app)[-1]["description"].startswith("Rollback to v")


def test_logs_show_app_and_platform(cli, app):
    shown = cli("logs", "--app", app["name"], "--num", "500")
    assert "the sample app starts" in shown
    assert "heroku[web.1]" in shown


def test_pipelines_info_shows_apps_and_stages(cli, app, lenient):
    pipeline = lenient.call("POST", "/pipelines", 201, json={"name": "cli-line"})
    body = {"app": app["id"], "pipeline": pipeline["id"], "stage": "staging"}
    lenient.call("POST", "/pipeline-couplings", 201, json=body)
    shown = cli("pipelines:info", "cli-line")
    assert app["name"] in shown
    assert "staging" in shown


def test_apps_are_listed(cli, app):
    assert app["name"] in cli("apps")
    assert app["name"] in [entry["name"] for entry in json.loads(cli("apps", "--json"))]


def test_dynos_are_scaled_to_none_and_back(cli, app, lenient):
    assert "web=1:Basic" in cli("ps:scale", "--app", app["name"])
    assert "now running web at 0:Basic" in cli("ps:scale", "web=0", "--app", app["name"])
    assert "No dynos" in cli("ps", "--app", app["name"])
    assert "now running web at 1:Basic" in cli("ps:scale", "web=1", "--app", app["name"])
    assert lenient.call("GET", f"/apps/{app['id']}/formation", 200)[0]["quantity"] == 1


def test_the_domain_of_the_app_is_shown(cli, app):
    assert app["web_url"].split("//")[1].rstrip("/").split(":")[0] in cli(
        "domains", "--app", app["name"]
    )


def test_a_database_is_bought_and_described(cli, app):
    cli("addons:create", "heroku-postgresql:essential-0", "--app", app["name"])
    cli("addons:wait", "--app", app["name"])
    shown = cli("pg:info", "--app", app["name"])
    for words in ("DATABASE_URL", "Essential 0", "Available", "PG Version", "Tables"):
        assert words in shown


def test_what_the_client_asks_and_gets_fits_the_schema(lenient, needs_schema):
    """Runs last: all that the client did before is in the account."""
    # What the client sends is its own affair: a number as text, a plan as an object.
    replies = [
        wrong
        for failure in lenient.account()["failures"]
        for wrong in failure["wrong"]
        if "request:" not in wrong
    ]
    assert replies == []
