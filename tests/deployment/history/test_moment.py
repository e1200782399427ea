"""Which version was live when?"""

import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Any

import pytest

from deployment.history.moment import described, in_force, look_back, moment
from deployment.workspace.errors import BadOption, EdgeFailure
from deployment.workspace.ledger import make_record, opened_record
from rollout.state.ledger import Ledger, Rollout, Step, Version
from rollout.state.split import all_to
from rollout.state.version_state import State
from store.entry import Entry
from tests.deployment.project_harness import ProjectHarness

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)


@pytest.fixture
def _berlin(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Local time is two hours ahead of UTC."""
    monkeypatch.setenv("TZ", "Etc/GMT-2")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def version(name: str, state: State) -> Version:
    """A version."""
    return Version(name, state, f"unix:/{name}", name, f"digest of {name}", "onnx", 0.0)


def ledger(**changes: Any) -> Ledger:
    """v1 released, v2 a canary at 5 %."""
    versions = {"v1": version("v1", State.RELEASED), "v2": version("v2", State.SERVING)}
    rollout = Rollout("r", "canary", "v2", "v1", (Step(500), Step(2500)), 0, 0.0, 0.0, "ana@test")
    split = all_to("v1", "s").reweighted({"v1": 9500, "v2": 500})
    made = Ledger("flights", 1, MappingProxyType(versions), split, "v1", (), rollout)
    return replace(made, **changes)


def entry(revision: int, minutes: float, action: str = "canary") -> Entry:
    """An entry recorded so many minutes after NOW."""
    at = NOW + timedelta(minutes=minutes)
    return Entry(
        "flights",
        revision,
        ledger().to_body(),
        action,
        "ana@test",
        "why",
        at,
        "",
        f"hash {revision}",
    )


@pytest.mark.parametrize(
    ("text", "at", "note"),
    [
        ("2026-05-01T10:00Z", "2026-05-01T10:00:00+00:00", ""),
        ("2026-05-01 10:00+05:30", "2026-05-01T04:30:00+00:00", ""),
        ("2026-05-01T10:00", "2026-05-01T08:00:00+00:00", "no zone given: read as local time"),
        ("2026-05-01", "2026-04-30T22:00:00+00:00", "no zone given: read as local time"),
        ("2h", "2026-05-01T10:00:00+00:00", "2h ago"),
        (" 1h30m ", "2026-05-01T10:30:00+00:00", "1h30m ago"),
    ],
)
@pytest.mark.usefixtures("_berlin")
def test_a_moment_is_read_and_says_how(text: str, at: str, note: str) -> None:
    asked = moment(text, NOW)
    assert (asked.at.isoformat(), asked.note) == (at, note)


@pytest.mark.parametrize(
    "text", ["", "yesterday", "2026", "12:00", "45", "-2h", "2 parsecs", "nan"]
)
def test_what_is_no_moment_is_refused(text: str) -> None:
    with pytest.raises(BadOption, match="is no time: write"):
        moment(text, NOW)


@pytest.mark.parametrize("text", ["2026-05-01T12:01Z", "9999-12-31T23:59Z"])
def test_what_is_still_to_come_is_refused(text: str) -> None:
    with pytest.raises(BadOption, match="is still to come"):
        moment(text, NOW)


def test_a_moment_that_no_calendar_has_is_refused() -> None:
    with pytest.raises(BadOption, match="out of the calendar's range"):
        moment("0001-01-01T00:00+10:00", NOW)


@pytest.mark.parametrize(
    ("minutes", "revision"), [(-1, None), (0, 1), (4.9, 1), (5, 2), (9, 2), (99, 4)]
)
def test_the_newest_revision_recorded_by_then_was_in_force(
    minutes: float, revision: int | None
) -> None:
    """Revision 4 was recorded by a machine whose clock is behind."""
    entries = [entry(4, 10.5), entry(3, 11), entry(2, 5), entry(1, 0)]
    force = in_force(entries, NOW + timedelta(minutes=minutes))
    assert (force.entry.revision if force else None) == revision
    assert (
        force is None
        or (force.follower.revision if force.follower else 5) == force.entry.revision + 1
    )


@pytest.mark.usefixtures("_berlin")
def test_what_was_in_force_is_told_whole() -> None:
    force = in_force([entry(2, 5, "promote"), entry(1, 0)], NOW + timedelta(minutes=1))
    assert force is not None
    value, lines = described(moment("2026-05-01T14:01", NOW + timedelta(hours=1)), force)
    assert value["split"] == {"v1": 95.0, "v2": 5.0}
    assert (value["released"], value["revision"], value["hash"]) == ("v1", 1, "hash 1")
    assert (value["rollout"]["candidate"], value["rollout"]["step"], value["rollout"]["steps"]) == (
        "v2",
        1,
        2,
    )
    assert value["until"] == "2026-05-01T12:05:00+00:00"
    text = "\n".join(lines)
    for words in (
        "revision 1 was in force at 2026-05-01 12:01:00 UTC (2026-05-01 14:01:00 local time",
        "no zone given: read as local time",
        "v1 95 %, v2 5 %",
        "canary of v2 against v1, step 1/2, begun by ana@test",
        'ana@test: canary  "why"',
        "in force until revision 2",
    ):
        assert words in text


def test_before_the_first_act_nothing_was_live(project: ProjectHarness) -> None:
    project.state.mkdir()
    make_record(project.workspace())
    with opened_record(project.workspace()) as store:
        with pytest.raises(EdgeFailure, match="nothing was ever recorded"):
            look_back(store, NOW)
        for revision in range(1, 151):
            at = NOW + timedelta(minutes=revision)
            store.append(revision, ledger(revision=revision).to_body(), "step", "ana", "", at)
        with pytest.raises(
            EdgeFailure,
            match=r"no version was live at 2026-05-01 12:00:00 UTC.*the first act, 'step'",
        ):
            look_back(store, NOW)
        assert look_back(store, NOW + timedelta(minutes=2)).entry.revision == 2
        assert look_back(store, NOW + timedelta(hours=9)).entry.revision == 150
