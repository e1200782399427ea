"""What stood behind an act."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from cli.render.exit_codes import Out
from cli.render.history import at, explain, verdict_of
from deployment.history import explanation
from deployment.workspace.errors import EdgeFailure
from deployment.workspace.ledger import make_record, opened_record
from store import LedgerStore
from tests.cli.render.verdict.test_text import verdict
from tests.deployment.history.test_moment import ledger
from tests.deployment.history.test_segment_lines import row
from tests.deployment.project_harness import ProjectHarness

AT = datetime(2026, 5, 1, 12, tzinfo=UTC)


@pytest.fixture
def store(project: ProjectHarness) -> Iterator[LedgerStore]:
    """A canary begun by a person, promoted by the conductor on a verdict, and rolled back by a
    person.
    """
    project.state.mkdir()
    make_record(project.workspace())
    with opened_record(project.workspace()) as made:
        record(made, "canary", "ana@test", "try it")
        record(
            made,
            "promote",
            "conductor",
            "proved",
            verdict=verdict(word="pass"),
            released="v2",
            rollout=None,
        )
        record(made, "rollback", "ben@test", "", rollout=None)
        yield made


def record(store: LedgerStore, action: str, actor: str, reason: str, **changes: Any) -> None:
    """Append an act."""
    behind = changes.pop("verdict", None)
    revision = store.revision() + 1
    body = replace(ledger(**changes), revision=revision).to_body() | {"verdict": behind}
    store.append(revision, body, action, actor, reason, AT)


def test_the_newest_act_is_explained_by_default(store: LedgerStore) -> None:
    act = explanation.explained(store, None)
    assert act.entry.revision == 3
    assert verdict_of(act) is None
    text = "\n".join(explanation.deed_lines(act))
    for words in (
        "revision 3: ben@test: rollback",
        "2026-05-01 12:00:00 UTC",
        "v2 -> v1",
        "no verdict stood behind it",
    ):
        assert words in text


def test_an_act_of_the_conductor_shows_the_numbers_it_was_decided_by(store: LedgerStore) -> None:
    act = explanation.explained(store, 2)
    numbers = verdict_of(act)
    assert numbers is not None
    assert numbers.lines[0].startswith("flights v2 vs v1   5 % for 42 min")
    assert numbers.lines[0].endswith("PASS")
    text = "\n".join(explanation.deed_lines(act))
    assert "no verdict" not in text
    assert "v1 -> v2" in text
    assert "canary of v2 against v1, step 1/2, begun by ana@test -> none" in text
    assert explanation.value(act)["verdict"] == verdict(word="pass")


def test_the_first_act_has_nothing_before_it(store: LedgerStore) -> None:
    value = explanation.value(explanation.explained(store, 1))
    assert value["split"] == {"before": {}, "after": {"v1": 95.0, "v2": 5.0}}
    assert value["released"] == {"before": None, "after": "v1"}
    assert (value["actor"], value["reason"], value["verdict"]) == ("ana@test", "try it", None)


def test_a_revision_that_is_not_there_is_refused(store: LedgerStore) -> None:
    with pytest.raises(EdgeFailure, match="revision 4 was not recorded, 1 to 3 were"):
        explanation.explained(store, 4)


def test_a_verdict_of_another_form_is_refused_and_still_there_as_json(
    project: ProjectHarness, store: LedgerStore, capsys: pytest.CaptureFixture[str]
) -> None:
    record(store, "step", "conductor", "", verdict={"word": "pass"})
    with pytest.raises(EdgeFailure, match="the verdict of revision 4 cannot be read"):
        explain(project.workspace(), Out(False), 4)
    explain(project.workspace(), Out(True), 4)
    answer = json.loads(capsys.readouterr().out)
    assert (answer["verdict"], answer["answers"]) == ({"word": "pass"}, None)


def test_in_a_pipe_the_numbers_are_aligned_text(
    project: ProjectHarness, store: LedgerStore, capsys: pytest.CaptureFixture[str]
) -> None:
    explain(project.workspace(), Out(False), 2)
    text = capsys.readouterr().out
    assert "all signals together  alarm: none\n" in text
    assert "59 % of the way, +0.2 pp" in text
    assert "What is missing?  Nothing: it was released.\nHow long?         It is over.\n" in text
    assert "to 1" not in text
    explain(project.workspace(), Out(False), 2, with_odds=True)
    assert "5.9 to 1, proved at 20 to 1" in capsys.readouterr().out


def test_as_json_the_four_answers_stand_beside_the_stored_verdict(
    project: ProjectHarness, store: LedgerStore, capsys: pytest.CaptureFixture[str]
) -> None:
    explain(project.workspace(), Out(True), 2)
    answer = json.loads(capsys.readouterr().out)
    assert answer["verdict"] == verdict(word="pass")
    assert answer["now"] is None
    assert answer["answers"]["worse"].startswith("No: errors and latency are proved to be within")
    assert answer["answers"]["long"] == "It is over."


def test_a_moment_is_shown_with_the_chain_checked(
    project: ProjectHarness, store: LedgerStore, capsys: pytest.CaptureFixture[str]
) -> None:
    at(project.workspace(), Out(True), "1s", verify=True)
    value = json.loads(capsys.readouterr().out)
    assert (value["revision"], value["verified"], value["until"]) == (3, 3, None)
    at(project.workspace(), Out(False), "1s", verify=True)
    assert "✔ the chain of 3 revisions holds" in capsys.readouterr().out


def test_where_nothing_was_recorded_there_is_nothing_to_explain(project: ProjectHarness) -> None:
    project.state.mkdir()
    make_record(project.workspace())
    with (
        opened_record(project.workspace()) as store,
        pytest.raises(EdgeFailure, match="nothing was ever recorded"),
    ):
        explanation.explained(store, None)


def test_the_segments_of_a_verdict_are_shown_below_its_signals(
    project: ProjectHarness, store: LedgerStore, capsys: pytest.CaptureFixture[str]
) -> None:
    segments = [row("B6", worse=20, against=11.0), row("UA")]
    record(store, "rollback", "conductor", "", verdict=verdict(word="fail", segments=segments))
    explain(project.workspace(), Out(False), 4)
    text = capsys.readouterr().out
    assert text.index("all signals together") < text.index("airline B6")
    assert "2 segments; each alone decides at 24,000 to 1" in text
    record(store, "rollback", "conductor", "", verdict=verdict(segments=[{"pairs": 1}]))
    with pytest.raises(EdgeFailure, match="the verdict of revision 5 cannot be read"):
        explain(project.workspace(), Out(False), 5)
