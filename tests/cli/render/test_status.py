"""One status is what a terminal shows, a pipe prints and `--json` has."""

import json
from dataclasses import replace

import pytest

from cli.render.exit_codes import Out
from cli.render.status import one_line, show_status
from cli.render.watch import Changes
from deployment.commands.status import RecentAct, RollbackStatus
from rollout.state.ledger import Step
from tests.deployment.status_factory import VERSION, rollout, status

ACT = RecentAct(4, "2026-05-01T12:00:00+00:00", "ana@test", "canary", "v2 5 %", "try it")
TARGET = RollbackStatus("v1", True, True, None, "python deploy.py rollback")
STATUS = status(
    rollout=rollout("v2", step=1, steps=(Step(500, 30.0), Step(5_000))),
    rollback=TARGET,
    events=[ACT],
    notes=["a note"],
)
KEYS = {
    "": "model revision record_answers url released rollout verdict flagged queued rollback "
    "failed_requests since worst router_revision workers drift versions events notes",
    "rollout": "strategy candidate stable step paused steps judged held next_step_in_s started_by "
    "running_s",
    "rollback": "target running ready because command",
    "versions": "name role state runtime process program weight served requests errors fallbacks "
    "p50_ms p99_ms in_flight agree compared labels accuracy accuracy_margin mean_absolute_error",
    "events": "revision at actor act about reason",
}
"""What scripts rely on, by the part of the object."""


@pytest.mark.parametrize("part", KEYS)
def test_the_keys_of_the_json_stay(part: str, capsys: pytest.CaptureFixture[str]) -> None:
    show_status(Out(True), STATUS)
    value = json.loads(capsys.readouterr().out)
    if part:
        value = value[part]
    if isinstance(value, list):
        value = value[0]
    assert list(value) == KEYS[part].split()


def test_a_step_of_the_rollout_is_an_object(capsys: pytest.CaptureFixture[str]) -> None:
    show_status(Out(True), STATUS)
    steps = json.loads(capsys.readouterr().out)["rollout"]["steps"]
    assert steps == [{"weight": 500, "hold_s": 30.0}, {"weight": 5_000, "hold_s": None}]


def test_what_is_drawn_comes_from_the_same_status(capsys: pytest.CaptureFixture[str]) -> None:
    show_status(Out(False), STATUS)
    text = capsys.readouterr().out
    for fact in ("canary of v2 against v1", "step 1/2", "95.0 %", "v1 ready", "try it", "a note"):
        assert fact in text


def test_the_line_of_a_pipe_names_step_split_and_unhealthy_processes() -> None:
    backoff = replace(VERSION, name="v2", process="backoff", weight=5.0)
    line = one_line(status(versions=[VERSION, backoff], rollout=STATUS.rollout))
    assert line == (
        "revision 4 | canary of v2 against v1 | v1 95 %, v2 5 % | step 1/2 | v2 backoff"
    )


def test_a_pipe_gets_a_line_for_each_change_only(capsys: pytest.CaptureFixture[str]) -> None:
    changes = Changes(Out(False))
    for revision in (4, 4, 5):
        changes(status(revision=revision))
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(" | ")[0] for line in lines] == ["revision 4", "revision 5"]


def test_what_people_and_rows_say_steers_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    act = RecentAct(5, "2026-05-01T12:00:00Z", "ann", "pause", "v2", "a\x1b[31m\nr9  forged\x9b2J")
    row = {
        "version": "v2",
        "gap": 1.0,
        "shadow": '"\x9b2J"',
        "answered": "\u202e",
        "row": '["\x9b"]',
    }
    sick = RollbackStatus("v1", True, False, "it said \x1b[2J", "rollback")
    show_status(Out(False), status(events=[act], worst=[row], rollback=sick, notes=["\x1b[1m"]))
    text = capsys.readouterr().out
    assert not set(text) & {"\x1b", "\x9b", "\u202e"}
    assert r"a\x1b[31m\nr9  forged\x9b2J" in text


def test_what_is_said_on_drift_is_shown_and_an_alarm_is_not_missed(
    capsys: pytest.CaptureFixture[str],
) -> None:
    says = [
        {"about": "v1 against training", "text": "as before, in 9 rows.", "is_alarm": False},
        {"about": "Over time", "text": "month changed.", "is_alarm": True},
    ]
    show_status(Out(False), status(drift={"says": says}))
    out = capsys.readouterr().out
    assert "v1 against training: as before, in 9 rows." in out
    assert "ALARM Over time: month changed." in out
