"""What a worker counts of a rollout: by the weight in force, whole, and no more kinds than the
verdict reads.
"""

import ast
from dataclasses import replace
from pathlib import Path

from rollout.state.ledger import Step
from rollout.verdict.evidence_snapshot import evidence_snapshot
from router.dispatch.routing_table import table_of
from router.evidence.evidence_counters import (
    KEPT,
    MOST_WEIGHTS,
    NO_ROLLOUT,
    NO_WEIGHT,
    EvidenceByWeight,
    EvidenceCounters,
)
from tests.router.fakes import TWO_STEPS, begun, deployed

ROUTER = Path(__file__).parents[3] / "router"


def test_an_outcome_and_its_time_are_counted():
    tally = EvidenceCounters()
    tally.drawn += 1
    tally.request_finished("ok", 0.004, warm=True)
    tally.request_finished("error", 0.004, warm=True)
    body = tally.body()
    assert body["finished"] == {"ok": 1, "error": 1}
    assert list(body["waits"].values()) == [2]
    assert body["drawn"] == {"all": 1}


def test_no_time_is_counted_of_a_cold_start_nor_of_what_was_shed():
    tally = EvidenceCounters()
    tally.request_finished("ok", 0.004, warm=False)
    tally.request_finished("shed", 0.004, warm=True)
    assert tally.body() == {"finished": {"ok": 1, "shed": 1}}


def test_what_is_nothing_is_not_handed_in():
    assert EvidenceCounters().body() == {}


def test_each_weight_has_a_tally_of_its_own_and_an_older_one_lives_on():
    first = begun(deployed("v1", "v2"))
    second = replace(first, rollout=replace(first.running(), step=1))
    second = replace(second, split=first.split.reweighted({"v1": 5000, "v2": 5000}))
    tallies = EvidenceByWeight()
    old = tallies.of(table_of(first), "v2")
    new = tallies.of(table_of(second), "v2")
    old.drawn += 1
    new.drawn += 2
    assert tallies.of(table_of(first), "v2") is old
    weights = {
        (version, weight): body["drawn"]["all"] for _, version, weight, body in tallies.rows()
    }
    assert weights == {("v2", TWO_STEPS[0].weight): 1, ("v2", TWO_STEPS[1].weight): 2}


def test_without_a_rollout_it_is_the_history_of_the_released_version():
    tallies = EvidenceByWeight()
    tallies.of(table_of(deployed("v1")), "v1").drawn += 1
    assert tallies.rows() == [(NO_ROLLOUT, "v1", 10_000, {"drawn": {"all": 1}})]


def test_two_rollouts_of_one_candidate_are_counted_apart():
    earlier = begun(deployed("v1", "v2"))
    later = begun(replace(deployed("v1", "v2"), revision=9))
    tallies = EvidenceByWeight()
    assert tallies.of(table_of(earlier), "v2") is not tallies.of(table_of(later), "v2")


def test_of_rollouts_that_are_over_only_the_newest_are_kept():
    tallies = EvidenceByWeight()
    for revision in range(3, 3 + 3 * KEPT):
        table = table_of(begun(replace(deployed("v1", "v2"), revision=revision)))
        tallies.of(table, "v1").drawn += 1
        tallies.of(table, "v2").drawn += 1

    assert len(tallies.rows()) == 2 * (1 + KEPT)
    assert tallies.rows()[-1][0] == table.rolling.id


def test_the_history_outlives_rollouts_of_many_steps():
    """Handed in anew from nothing, it would undo what was handed in before."""
    tallies, calm = EvidenceByWeight(), table_of(deployed("v1", "v2"))
    tallies.of(calm, "v1").drawn += 7
    for revision in range(3, 3 + 2 * KEPT):
        for weight in (100, 500, 2_500):
            ledger = begun(replace(deployed("v1", "v2"), revision=revision), steps=(Step(weight),))
            tallies.of(table_of(ledger), "v2").drawn += 1

    tallies.of(calm, "v1").drawn += 1
    assert (NO_ROLLOUT, "v1", 10_000, {"drawn": {"all": 8}}) in tallies.rows()


def at_weight(weight):
    """The table of one rollout at this weight."""
    return table_of(begun(deployed("v1", "v2"), steps=(Step(weight),)))


def test_a_weight_that_comes_again_goes_on_from_what_was_counted():
    """Handed in anew from nothing, it would undo what was handed in before."""
    tallies = EvidenceByWeight()
    tallies.of(at_weight(100), "v2").drawn += 1_000
    tallies.of(at_weight(100), "v1").drawn += 99_000
    for weight in range(200, 200 + 10 * 40, 10):
        for version in ("v1", "v2"):
            tallies.of(at_weight(weight), version).drawn += 5

    tallies.of(at_weight(100), "v2").drawn += 3
    tallies.of(at_weight(100), "v1").drawn += 50
    again = {version: body["drawn"] for _, version, weight, body in tallies.rows() if weight == 100}
    assert again == {"v1": {"all": 99_050}, "v2": {"all": 1_003}}


def test_a_weight_moved_thousands_of_times_loses_no_request_and_keeps_what_stood():
    tallies = EvidenceByWeight()
    for again in range(2):
        for weight in range(1, MOST_WEIGHTS + 100):
            tallies.of(at_weight(weight), "v2").drawn += 1 + again

    rows = {weight: body["drawn"]["all"] for _, _, weight, body in tallies.rows()}
    assert len(rows) == MOST_WEIGHTS + 1
    assert rows.pop(NO_WEIGHT) == 3 * 99
    assert set(rows.values()) == {3}


def test_the_verdict_reads_what_was_counted():
    ledger = begun(deployed("v1", "v2"))
    tallies = EvidenceByWeight()
    tally = tallies.of(table_of(ledger), "v2")
    tally.request_finished("ok", 0.004, warm=True)
    tally.request_finished("error", 0.004, warm=True)
    counted = [(version, weight, body) for _, version, weight, body in tallies.rows()]
    found = evidence_snapshot(ledger.running(), counted, [], {})
    assert (found.served(2000), found.served(5000)) == (2, 0)
    assert (
        found.evidence.tables("finished", ["error"], ["ok"])[0.2].tolist() == [[0, 0], [1, 1]][::-1]
    )


def test_complaints_are_handed_in_by_code():
    tally = EvidenceCounters()
    tally.complained("R14", 3)
    tally.complained("R14", 1)
    assert tally.body() == {"complaints": {"R14": 4}}


def test_no_other_module_of_the_router_touches_the_counts_themselves():
    """Whoever counts calls a method: a new kind of evidence is one method more."""
    touched = [
        f"{path}:{node.lineno}: {ast.unparse(node)}"
        for path in ROUTER.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute)
        and node.attr in EvidenceCounters.__slots__
        and ast.unparse(node.value).split(".")[-1] == "tally"
    ]
    assert touched == []
