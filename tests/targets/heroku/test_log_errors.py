"""What Heroku says against the apps: in words, within a time, and silent where all is well."""

import logging
import threading
from pathlib import Path

import pytest

from deployment.workspace.workspace import Workspace, workspace_from_environment
from rollout.settings import from_mapping
from targets.heroku import log_errors as told
from targets.heroku.api.logs import error_codes, recent_lines
from targets.heroku.log_errors import complaints, lines
from tests.rollout.ledger_commands import STARTED
from tests.targets.heroku.scripted_server import TOKEN, Asked, Reply, answered, serving


@pytest.fixture
def here(tmp_path: Path) -> Workspace:
    """A place on Heroku."""
    settings = from_mapping({"deployment": {"target": "heroku"}, "heroku": {"app_prefix": "kept"}})
    return workspace_from_environment(
        {"SLUICE_STATE": str(tmp_path), "SLUICE_ACTOR": "ana@test"}, settings
    )


def test_each_code_has_a_cause_and_the_size_that_helps():
    assert lines("v2", {"R14": 12, "H12": 1}) == [
        "v2: R14 x 12 in its last 200 log lines: its dyno is short of memory and swaps: larger "
        "heroku.version_size",
        "v2: H12 x 1 in its last 200 log lines: no answer within 30 s: a slow model, or larger "
        "heroku.version_size",
    ]
    assert "heroku.router_size" in lines("router", {"R15": 1})[0]
    assert told.OTHER in lines("v2", {"H42": 1})[0]
    assert lines("v2", {"H27": 400}) == []
    assert not [cause for cause in told.CAUSES.values() if cause.endswith(".")]


def test_only_herokus_own_lines_count():
    log = [
        "2026-01-01T00:00:00Z heroku[web.1]: Error R14 (Memory quota exceeded)",
        "2026-01-01T00:00:00Z app[web.1]: Error R15 (Memory quota vastly exceeded)",
        '2026-01-01T00:00:00Z heroku[router]: at=error code=H12 desc="Request timeout" method=POST',
        "2026-01-01T00:00:00Z heroku[router]: at=info method=GET status=200",
    ]
    assert error_codes(log) == {"R14": 1, "H12": 1}


def test_what_cannot_be_read_is_one_line(here, monkeypatch):
    monkeypatch.setenv("HOME", "/nowhere")
    monkeypatch.delenv("HEROKU_API_KEY", raising=False)
    (line,) = complaints(here, STARTED)
    assert line.startswith("Heroku's logs could not be read: no Heroku token")


def test_it_ends_at_its_deadline(here, monkeypatch):
    given_up, waited, before = threading.Event(), [], set(threading.enumerate())

    def slowly(_: Asked) -> Reply:
        waited.append(given_up.wait(300))
        return answered({"id": "u", "email": "e"})

    with serving(slowly) as server:
        monkeypatch.setenv("HEROKU_HOST", server.url)
        monkeypatch.setenv("HEROKU_API_KEY", TOKEN)
        assert complaints(here, STARTED, 0.2) == [
            "Heroku's logs could not be read: timed out after 0.2 s"
        ]
        assert waited == [], "it did not wait for the answer"
        (asking,) = [
            thread
            for thread in set(threading.enumerate()) - before
            if thread.name.endswith("(ask)")
        ]
        given_up.set()
        # Else what it logs at its end would be another test's.
        asking.join(10)


def test_no_address_is_logged_whatever_the_programs_level(platform, caplog):
    logging.getLogger("httpx").setLevel(logging.NOTSET)
    caplog.set_level(logging.DEBUG)

    def answer(asked: Asked) -> Reply:
        if asked.path.startswith("/secret"):
            return Reply(200, b"2026 heroku[web.1]: Error R14 (Memory quota exceeded)\n")
        return answered({"logplex_url": f"{server.url}/secret?token=t"}, 201)

    client, server = platform(answer)
    assert error_codes(recent_lines(client, "kept-v2")) == {"R14": 1}
    assert not [record for record in caplog.records if record.name.startswith("http")]
