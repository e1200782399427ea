"""The history says what each act was about."""

from datetime import UTC, datetime

import pytest

from deployment.history.affected_versions import about, subjects
from rollout.state.ledger import Ledger
from rollout.state.policy import VerdictConfig
from store.entry import Entry
from tests.rollout.ledger_commands import EMPTY, STARTED, ledger_after

CANARY = ledger_after("canary v2 --steps 5,50", ledger=STARTED)
QUEUEING = ledger_after(
    "canary v2 --auto", ledger=STARTED, judging=VerdictConfig(on_conflict="queue")
)
SECOND = ledger_after("promote v2", ledger=STARTED)


@pytest.mark.parametrize(
    ("before", "command", "told"),
    [
        (EMPTY, "deploy v1", "v1"),
        (ledger_after("deploy v1"), "promote v1", "v1"),
        (STARTED, "canary v2 --steps 5,50", "v2 5 %"),
        (CANARY, "promote v2 --step", "v2 50 %"),
        (CANARY, "pause", "v2"),
        (CANARY, "abort", "v2 -> v1"),
        (CANARY, "rollback", "v2 -> v1"),
        (CANARY, "promote v2", "v1 -> v2"),
        (STARTED, "shadow v2", "v2"),
        (ledger_after("shadow v2", ledger=STARTED), "abort", "v2"),
        (SECOND, "rollback", "v2 -> v1"),
        (SECOND, "retire v3", "v3"),
        (STARTED, "release-in-place v2", "v1 -> v2"),
        (ledger_after("shadow v2", ledger=STARTED), "deploy v4", "v4"),
        (QUEUEING, "canary v3 --auto", "v3"),
        (STARTED, "blue-green v2 --auto", "v2 100 %"),
    ],
)
def test_an_act_is_about_the_versions_it_touched(before: Ledger, command: str, told: str) -> None:
    assert about(before, ledger_after(command, ledger=before)) == told


def test_an_entry_that_cannot_be_read_keeps_the_others_from_nothing() -> None:
    def entry(revision: int, body: dict[str, object]) -> Entry:
        at = datetime(2026, 5, 1, tzinfo=UTC)
        return Entry("flights", revision, body, "deploy", "ann", "", at, "", "")

    bodies = [
        STARTED.to_body(),
        ledger_after("deploy v1", "promote v1", "deploy v2").to_body(),
        {"format": 0},
    ]
    entries = [entry(3 - workspace, body) for workspace, body in enumerate(bodies)]
    assert subjects(entries, 3) == ["v3", "", ""]
