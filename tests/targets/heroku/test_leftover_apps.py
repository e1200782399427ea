"""Collecting against the emulator: what goes, in which order, what it saves, and that nothing is
done twice.
"""

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from deployment.commands import run_verb
from deployment.commands.garbage_collect import Collected, collect, tidy
from deployment.commands.status import read_status
from deployment.workspace.errors import EdgeFailure, Interrupted
from deployment.workspace.ledger import make_record, opened_record, read_ledger, write
from deployment.workspace.secrets import make_secrets
from deployment.workspace.state_dir import make_folders
from deployment.workspace.workspace import Workspace, workspace_from_environment
from rollout.decide.actions import RecordRevision
from rollout.settings import from_mapping
from rollout.state.ledger import Ledger
from targets.heroku import leftover_apps
from targets.heroku.app_group import open_app_group
from targets.heroku.log_errors import complaints
from tests.emulator.emulator_harness import PLAIN, TOKEN, Heroku, start, stop
from tests.rollout.ledger_commands import EMPTY, ledger_after
from tests.until import until

SETTINGS: dict[str, Any] = {
    "deployment": {"target": "heroku"},
    "heroku": {"app_prefix": "kept", "keep": 1},
}
STORY = ("deploy v1", "promote v1", "deploy v2", "promote v2", "deploy v3")
"""v2 is released, v1 the way back, v3 waits."""
LONG_AGO = 1_700_000_000.0


@pytest.fixture(scope="module")
def heroku() -> Iterator[Heroku]:
    """An emulator."""
    running = start(None, "--speed", "600")
    yield running
    assert stop(running) == 0


@pytest.fixture
def here(heroku: Heroku, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Workspace]:
    """A place there, without a router; what a test makes is removed."""
    monkeypatch.setenv("HEROKU_HOST", heroku.base)
    monkeypatch.setenv("HEROKU_API_KEY", TOKEN)
    monkeypatch.setattr(leftover_apps, "SETTLED_S", -3600.0)
    environ = {
        **os.environ,
        "SLUICE_STATE": str(tmp_path),
        "DATABASE_URL": f"sqlite:///{tmp_path / 'ledger.db'}",
    }
    made = workspace_from_environment(
        {**environ, "SLUICE_ACTOR": "ana@test"}, from_mapping(SETTINGS)
    )
    make_folders(made)
    make_secrets(made)
    make_record(made)
    yield made
    for name in apps(heroku):
        heroku.call("DELETE", f"/apps/{name}")


def told(here: Workspace, *commands: str, at: float = LONG_AGO) -> Ledger:
    """Record these acts as of long ago, with the apps' names as programs."""
    ledger = EMPTY
    for number, command in enumerate(commands):
        ledger = ledger_after(command, ledger=ledger, now=at + number)
        named = {name: replace(v, program=f"kept-{name}") for name, v in ledger.versions.items()}
        ledger = replace(ledger, versions=named)
        with opened_record(here) as store:
            write(
                store,
                RecordRevision(ledger, command.split()[0], command, ""),
                "ana@test",
                "",
                at + number,
            )

    return ledger


def running(heroku: Heroku, *versions: str) -> None:
    """An app with a dyno for each."""
    slug = heroku.slug("tiny", PLAIN)
    for version in versions:
        app = heroku.call("POST", "/apps", json={"name": f"kept-{version}"})
        heroku.release(app, slug)
        heroku.up(app)


def apps(heroku: Heroku) -> list[str]:
    """The apps of this house."""
    return sorted(
        app["name"] for app in heroku.call("GET", "/apps") if app["name"].startswith("kept-")
    )


def quantity(heroku: Heroku, version: str) -> int:
    """How many dynos the version's app shall have."""
    return int(heroku.call("GET", f"/apps/kept-{version}/formation")[0]["quantity"])


def states(here: Workspace) -> dict[str, str]:
    """State by version."""
    with opened_record(here) as store:
        return {v.name: str(v.state) for v in read_ledger(store).versions.values()}


def collected(here: Workspace) -> tuple[Collected, list[str]]:
    """What was collected and what was said."""
    said: list[str] = []
    return collect(here, said.append), said


def test_what_answers_nobody_goes_and_the_rollback_target_keeps_its_app(heroku, here):
    told(here, *STORY)
    running(heroku, "v1", "v2", "v3")
    found, said = collected(here)
    assert (found.retired, found.deleted, found.failed) == (["v1", "v3"], [], {})
    assert found.monthly_saving == 14.0
    assert "v1: idle for " in said[0]
    assert (
        "stays the rollback target without a process: 1 x Basic, $7.00 a month is stopped"
        in said[0]
    )
    assert said[2] == "together that saves $14.00 a month"
    assert [quantity(heroku, version) for version in ("v1", "v2", "v3")] == [0, 1, 0]
    with opened_record(here) as store:
        assert read_ledger(store).rollback_target() == "v1"
        assert [entry.action for entry in store.history(limit=3)] == ["retire", "retire", "deploy"]

    assert collected(here) == (Collected(), [])


def test_apps_beyond_the_newest_are_deleted_and_a_second_run_finds_nothing(heroku, here):
    told(here, *STORY, "deploy v4", "retire v4", "retire v3")
    running(heroku, "v3", "v4")
    for version in ("v3", "v4"):
        heroku.scale({"id": f"kept-{version}"}, 0)

    found, said = collected(
        replace(
            here, settings=replace(here.settings, heroku=replace(here.settings.heroku, warm_s=1e12))
        )
    )
    assert (found.retired, found.stopped, found.deleted) == ([], [], ["v4"])
    assert (
        said[0]
        == "v4: not among the 1 retired last: its app kept-v4 is deleted, `deploy` builds it again"
    )
    assert apps(heroku) == ["kept-v3"]


def test_dynos_that_an_interrupted_act_left_are_ended_by_the_next_run(heroku, here, monkeypatch):
    told(here, *STORY)
    running(heroku, "v1", "v2", "v3")

    def interrupted(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("targets.heroku.target.HerokuTarget.stop", interrupted)
        with pytest.raises(Interrupted, match="is done"):
            collected(here)

    assert states(here)["v1"] == "retired"
    assert quantity(heroku, "v1") == 1
    found, said = collected(here)
    assert (found.retired, found.stopped, found.monthly_saving) == (["v3"], ["v1"], 14.0)
    assert "v1: is retired and still runs: 1 x Basic, $7.00 a month is stopped" in said
    assert collected(here)[0] == Collected()


def test_whoever_has_traffic_again_when_it_comes_to_that_stays(heroku, here, monkeypatch):
    ledger = told(here, *STORY)
    running(heroku, "v1", "v2", "v3")
    real = run_verb.read_ledger

    def first_a_canary(store: Any) -> Ledger:
        monkeypatch.setattr(run_verb, "read_ledger", real)
        begun = ledger_after("canary v3", ledger=ledger, now=LONG_AGO + 99)
        write(store, RecordRevision(begun, "canary", "", ""), "ben@test", "", LONG_AGO + 99)
        return ledger

    monkeypatch.setattr(run_verb, "read_ledger", first_a_canary)
    found, _ = collected(here)
    assert (found.retired, found.failed) == (["v1"], {})
    assert states(here) == {"v1": "retired", "v2": "released", "v3": "serving"}
    assert quantity(heroku, "v3") == 1


def test_what_somebody_may_be_starting_is_left_alone(heroku, here, monkeypatch):
    monkeypatch.setattr(leftover_apps, "SETTLED_S", 600.0)
    told(here, *STORY, "retire v3")
    running(heroku, "v3")
    found, _ = collected(here)
    assert "perhaps by somebody else" in found.failed["v3"]
    assert quantity(heroku, "v3") == 1


def test_an_app_with_dynos_or_add_ons_of_its_own_is_never_deleted(heroku, here):
    told(here, *STORY)
    running(heroku, "v3")
    with open_app_group(here) as there, opened_record(here) as store:
        (rest,) = leftover_apps.leftovers(there, [read_ledger(store).version("v3")]).values()
        with pytest.raises(EdgeFailure, match="has dynos"):
            leftover_apps.delete(there, rest)
        heroku.scale({"id": "kept-v3"}, 0)
        heroku.call("POST", "/apps/kept-v3/addons", json={"plan": "heroku-postgresql:essential-0"})
        with pytest.raises(EdgeFailure, match="add-ons of its own"):
            leftover_apps.delete(there, rest)

    assert apps(heroku) == ["kept-v3"]


def test_an_app_that_was_deleted_by_hand_costs_nothing_and_hinders_nothing(heroku, here):
    told(here, *STORY, "retire v3")
    running(heroku, "v1")
    found, _ = collected(here)
    assert (found.retired, found.monthly_saving, found.failed) == (["v1"], 7.0, {})


def test_at_the_end_of_something_else_it_fails_nothing(here, monkeypatch):
    monkeypatch.delenv("HEROKU_API_KEY")
    said: list[str] = []
    tidy(here, said.append)
    assert len(said) == 1
    assert said[0].startswith("collecting: no Heroku token")


def test_error_codes_of_the_logs_are_told_with_their_cause(heroku, here):
    ledger = told(here, *STORY)
    running(heroku, "v1", "v2", "v3", "router")
    assert complaints(here, ledger) == []
    heroku.scale({"id": "kept-v3"}, 0)
    app = heroku.call("GET", "/apps/kept-v3")
    assert [heroku.get(app).status_code for _ in range(2)] == [503, 503]
    found = until(lambda: complaints(here, ledger), "H14 in the log")
    assert found == ["v3: H14 x 2 in its last 200 log lines: it has no dyno: `python deploy.py up`"]
    assert found[0] in read_status(here, probe=False, logs=True).notes
    assert found[0] not in read_status(here, probe=False).notes
