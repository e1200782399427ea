"""A run in a one-off dyno: it is followed by its log to its end, and outlives who started it."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from deployment.workspace.bundles import Release
from deployment.workspace.errors import EdgeFailure
from deployment.workspace.secrets import make_secrets
from deployment.workspace.state_dir import make_folders
from deployment.workspace.workspace import Workspace, workspace_from_environment
from rollout.settings import from_mapping
from targets.heroku.app_group import open_app_group
from targets.heroku.predicting_dyno import COMMAND, PredictingDyno
from targets.registry import open_target
from tests.emulator.emulator_harness import TOKEN, Heroku, start, stop
from tests.until import until

SETTINGS: dict[str, Any] = {
    "deployment": {"target": "heroku"},
    "heroku": {"app_prefix": "files", "predicts_files": True},
}
RUN = """\
import json, os, pathlib, sys, time
job = json.loads(os.environ["SLUICE_BATCH_JOB"])
print(json.dumps({"event": "started", "version": "v1"}), flush=True)
print("a warning of some library", flush=True)
while job["out"] and not pathlib.Path(job["out"]).exists():
    time.sleep(0.05)
end = dict(event="ended", state="done", rows=7, bad=0, out=os.environ.get("KEY", ""))
if job["patterns"] == ["refused"]:
    end = dict(event="refused", detail="s3://in/x.csv cannot be read as CSV")
if job["patterns"] == ["killed"]:
    os.kill(os.getpid(), 9)
print(json.dumps(end), flush=True)
sys.exit(0 if end.get("state") == "done" else 1)
"""
APP = {
    "batch/__init__.py": "",
    "batch/one_off.py": RUN,
    "requirements.txt": "",
    ".python-version": "3.11\n",
    "Procfile": "web: sleep 1000\n",
}


@pytest.fixture(scope="module")
def heroku() -> Iterator[Heroku]:
    """An emulator."""
    running = start(None)
    yield running
    assert stop(running) == 0


@pytest.fixture
def here(heroku: Heroku, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Workspace]:
    """A project whose version v1 is an app without web dynos; what a test makes is removed."""
    monkeypatch.setenv("HEROKU_HOST", heroku.base)
    monkeypatch.setenv("HEROKU_API_KEY", TOKEN)
    made = workspace_from_environment(
        {**os.environ, "SLUICE_STATE": str(tmp_path), "DATABASE_URL": ""}, from_mapping(SETTINGS)
    )
    make_folders(made)
    make_secrets(made)
    app = heroku.call("POST", "/apps", json={"name": "files-v1"})
    heroku.release(app, heroku.slug("files", APP))
    heroku.scale(app, 0)
    yield made
    heroku.call("DELETE", "/apps/files-v1")


def release(workspace: Workspace) -> Release:
    """v1, as far as a run needs it."""
    return Release("v1", workspace.releases / "v1", "d" * 64, "onnx", 1e-6, {}, b"")


def predicted(workspace: Workspace, env: dict[str, str], **job: Any) -> tuple[Any, list[Any]]:
    """The last event of a run, and all of them."""
    events: list[Any] = []
    asked = {"patterns": ["s3://in/*.csv"], "out": "", **job}
    with open_app_group(workspace) as group:
        dyno = PredictingDyno(group, "files-v1", poll_s=0.1)
        return dyno.predict(release(workspace), asked, env, events.append), events


def one_offs(heroku: Heroku) -> list[dict[str, Any]]:
    """The one-off dynos that run."""
    dynos = heroku.call("GET", "/apps/files-v1/dynos")
    return [dyno for dyno in dynos if dyno["command"].startswith(COMMAND)]


def test_events_come_from_the_dynos_log_and_it_is_told_what_it_needs(
    heroku: Heroku, here: Workspace
) -> None:
    last, events = predicted(here, {"KEY": "a secret of the store"})
    assert (last["state"], last["rows"], last["out"]) == ("done", 7, "a secret of the store")
    assert [event["event"] for event in events] == ["started", "ended"]
    assert one_offs(heroku) == []
    assert "a secret" not in heroku.log({"id": "files-v1"}, source="heroku")
    assert heroku.call("GET", "/apps/files-v1/config-vars") == {}


def test_a_refusal_of_the_run_is_the_commands(here: Workspace) -> None:
    with pytest.raises(EdgeFailure, match=r"s3://in/x\.csv cannot be read as CSV"):
        predicted(here, {}, patterns=["refused"])


def test_a_run_that_is_killed_is_told_with_what_it_said(here: Workspace) -> None:
    with pytest.raises(EdgeFailure, match=r"exit status 137 before the run did \(a warning of"):
        predicted(here, {}, patterns=["killed"])


def test_the_same_command_follows_the_run_that_goes_on_and_starts_no_second_one(
    heroku: Heroku, here: Workspace, tmp_path: Path
) -> None:
    flag = tmp_path / "go on"
    results: list[Any] = []

    def follow() -> None:
        results.append(predicted(here, {}, out=str(flag)))

    followers = [threading.Thread(target=follow) for _ in range(2)]
    followers[0].start()
    until(lambda: one_offs(heroku), "a dyno predicts")
    followers[1].start()
    until(lambda: "predicts already" in "".join(map(str, results)) or one_offs(heroku), "followed")
    assert len(one_offs(heroku)) == 1
    flag.write_text("")
    for follower in followers:
        follower.join(60)

    assert [last["rows"] for last, _ in results] == [7, 7]
    assert heroku.account()["created"]["one-off dyno"] >= 1


def test_an_app_that_cannot_read_files_says_what_to_set(heroku: Heroku, here: Workspace) -> None:
    bare = {name: text for name, text in APP.items() if not name.startswith("batch/")}
    app = heroku.call("GET", "/apps/files-v1")
    heroku.release(app, heroku.slug("bare", bare))
    heroku.scale(app, 0)
    with pytest.raises(EdgeFailure, match=r"set predicts_files = true under"):
        predicted(here, {})


def test_without_the_setting_nothing_is_started(heroku: Heroku, here: Workspace) -> None:
    from dataclasses import replace

    heroku_settings = replace(here.settings.heroku, predicts_files=False)
    without = replace(here, settings=replace(here.settings, heroku=heroku_settings))
    with (
        open_target(without) as target,
        pytest.raises(EdgeFailure, match="set predicts_files = true"),
    ):
        target.predict_files("v1", {}, {}, print)
    assert one_offs(heroku) == []


def test_ctrl_c_leaves_the_dyno_and_says_how_to_follow_or_end_it(
    heroku: Heroku, here: Workspace, tmp_path: Path
) -> None:
    flag = tmp_path / "go on"
    script = (
        "from deployment.workspace.errors import Interrupted\n"
        "from pathlib import Path\n"
        "from tests.targets.heroku.test_predicting_dyno import *\n"
        f"made = workspace_from_environment({{**os.environ, 'SLUICE_STATE': {str(tmp_path)!r}, "
        "'DATABASE_URL': ''}, from_mapping(SETTINGS))\n"
        "try:\n"
        f"    predicted(made, {{}}, out={str(flag)!r})\n"
        "except Interrupted as error:\n"
        "    print(error)\n"
    )
    process = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    until(lambda: one_offs(heroku), "a dyno predicts", 60)
    until(lambda: "started" in heroku.log({"id": "files-v1"}), "it has begun", 60)
    process.send_signal(signal.SIGINT)
    said, _ = process.communicate(timeout=60)
    assert "goes on in files-v1: the same command follows it again" in said
    assert len(one_offs(heroku)) == 1
    flag.write_text("")
    until(lambda: not one_offs(heroku), "it has ended", 60)
