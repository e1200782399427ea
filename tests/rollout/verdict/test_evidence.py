"""Counts: added up in any order, kept as JSON, and read as tables of who lost how often at which
weight.
"""

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollout.state.split import ALL
from rollout.verdict.evidence import COPIES_SHARE, Evidence, from_body, merged, summed
from tests.rollout.evidence_factory import NOTHING, Row, evidence, finished, kind, of_candidate
from tests.rollout.ledger_commands import quick

names = st.sampled_from(("v1", "v2", "v0"))
weights = st.sampled_from((0, 100, 500, 5000, ALL))
tallies = st.dictionaries(
    st.sampled_from(("finished", "drawn", "waits", "classes")),
    st.dictionaries(
        st.sampled_from(("ok", "error", "7", "31", "all")), st.integers(0, 99), max_size=3
    ),
    max_size=3,
)
rows = st.lists(st.tuples(names, weights, tallies), max_size=8)


def plain(tables: dict[float, Any]) -> dict[float, Any]:
    """Tables as lists."""
    return {share: table.tolist() for share, table in tables.items()}


@quick
@given(rows, st.randoms(use_true_random=False))
def test_workers_counts_are_added_up_in_any_order(parts: list[Row], chance: Any) -> None:
    shuffled = chance.sample(parts, len(parts))
    halves = [merged("v2", "v1", part) for part in (shuffled[::2], shuffled[1::2])]
    again = [
        (name, weight, tally) for half in halves for (name, weight), tally in half.tallies.items()
    ]
    assert evidence(*parts).to_body() == evidence(*shuffled).to_body() == evidence(*again).to_body()


@quick
@given(rows)
def test_the_stored_form_gives_the_same_evidence_back(parts: list[Row]) -> None:
    whole = evidence(*parts)
    stored = json.loads(json.dumps(whole.to_body(), allow_nan=False))
    assert stored == whole.to_body()
    assert from_body(stored) == whole


@quick
@given(rows, rows)
def test_what_came_since_a_mark_is_what_was_added_after_it(
    before: list[Row], after: list[Row]
) -> None:
    mark, later = evidence(*before), evidence(*before, *after)
    came = later.since(mark)
    for version in ("v1", "v2"):
        for what in ("finished", "waits"):
            added = evidence(*after).of(version, what)
            assert {key: n for key, n in came.of(version, what).items() if n} == {
                k: n for k, n in added.items() if n
            }

    assert not any(later.since(later).requests(version) for version in ("v1", "v2"))
    assert later.since(NOTHING) == later


def test_a_count_behind_its_mark_is_nothing_that_came() -> None:
    mark, late = (
        evidence(of_candidate("finished", ok=9, error=1)),
        evidence(of_candidate("finished", ok=12)),
    )
    assert late.since(mark).of("v2", "finished") == {"ok": 3}
    late = evidence(of_candidate("finished", ok=5, error=1))
    assert late.since(mark).of("v2", "finished") == {"ok": 0, "error": 0}


def test_of_kinds_that_are_not_named_everything_counts_since_a_mark() -> None:
    mark = evidence(("v2", 500, {"finished": {"ok": 4}, "waits": {"7": 4}}))
    now = evidence(("v2", 500, {"finished": {"ok": 9}, "waits": {"7": 9}}))
    came = now.since(mark, ("waits",))
    assert (came.of("v2", "finished"), came.of("v2", "waits")) == ({"ok": 9}, {"7": 5})


def test_a_version_has_its_counts_of_all_weights_and_of_no_other_version() -> None:
    whole = evidence(
        *finished(500, {"ok": 3}, {"ok": 50}), *finished(2500, {"ok": 4, "error": 1}, {"ok": 20})
    )
    assert whole.of("v2", "finished") == {"ok": 7, "error": 1}
    assert (whole.requests("v2"), whole.requests("v1"), whole.requests("v9")) == (8, 70, 0)
    assert summed([]) == {}


def test_a_table_has_the_candidate_first_and_what_was_good_first() -> None:
    whole = evidence(
        *finished(500, {"ok": 3, "error": 2, "shed": 9}, {"ok": 50, "refused": 1, "error": 4})
    )
    assert plain(whole.tables("finished", ["error"], ["ok", "refused"])) == {
        0.05: [[3, 2], [51, 4]]
    }
    assert plain(whole.tables("finished", ["error"])) == {0.05: [[12, 2], [51, 4]]}


@pytest.mark.parametrize("weight", [0, ALL])
def test_where_no_coin_was_thrown_nothing_is_compared(weight: int) -> None:
    whole = evidence(*finished(weight, {"ok": 3, "error": 2}, {"ok": 50}))
    assert (
        whole.tables("finished", ["error"])
        == whole.drawn("drawn")
        == whole.levels("finished", 2)
        == {}
    )


def test_near_one_half_is_what_was_counted_there_both_ends_included() -> None:
    rows = [
        row
        for weight in (4_499, 4_500, 5_000, 5_500, 5_501)
        for row in finished(weight, {"ok": 1}, {"ok": 1})
    ]
    assert list(evidence(*rows).near_half(0.05).tables("finished", ["error"])) == [0.45, 0.5, 0.55]
    assert list(evidence(*rows).near_half(0.0).tables("finished", ["error"])) == [0.5]


def test_weights_are_rows_of_their_own_in_order() -> None:
    whole = evidence(*finished(2500, {"ok": 4}, {"ok": 20}), *finished(100, {"ok": 3}, {"ok": 50}))
    assert list(whole.tables("finished", ["error"])) == [0.01, 0.25]


def test_each_version_has_its_own_threshold() -> None:
    whole = evidence(*kind("waits", 500, {"7": 1, "8": 2, "-3": 4}, {"7": 10, "8": 20}))
    assert plain(whole.above("waits", 8, 7)) == {0.05: [[5, 2], [0, 30]]}
    assert plain(whole.above("waits", 7, 8)) == {0.05: [[4, 3], [10, 20]]}


def test_levels_are_columns() -> None:
    whole = evidence(*kind("labels", 500, {"0": 5, "16": 1}, {"8": 9}))
    (table,) = whole.levels("labels", 17).values()
    assert table.shape == (2, 17)
    assert (table[0, 0], table[0, 16], table[1, 8], table.sum()) == (5, 1, 9, 15)


def test_a_copy_that_failed_does_not_agree() -> None:
    whole = evidence(
        of_candidate("copies", 0, agree=90, differ=4, error=1), of_candidate("control", 0, agree=10)
    )
    assert plain(whole.copies()) == {COPIES_SHARE: [[90, 5], [10, 0]]}
    assert plain(evidence(of_candidate("control", 0, differ=2)).copies()) == {
        COPIES_SHARE: [[0, 0], [0, 2]]
    }
    assert NOTHING.copies() == {}


def test_how_many_were_drawn_is_counted_for_both() -> None:
    whole = evidence(*finished(500, {"ok": 3, "error": 2}, {"ok": 50}))
    assert plain(whole.drawn("drawn")) == {0.05: [5, 50]}


def test_many_looks_at_once_are_read_as_each_alone() -> None:
    chance = np.random.default_rng(2)
    looks = {key: chance.integers(0, 50, 5).cumsum() for key in ("ok", "error", "7", "9", "agree")}

    def at(look: Any) -> Evidence:
        mine = {key: counts[look] for key, counts in looks.items()}
        theirs = {key: 3 * count for key, count in mine.items()}
        both = [
            row
            for what in ("finished", "waits")
            for row in kind(what, 500, _of(what, mine), _of(what, theirs))
        ]
        return evidence(
            *both, ("v2", 0, {"copies": {"agree": mine["agree"], "error": mine["error"]}})
        )

    def tables(look: Any) -> list[Any]:
        whole = at(look)
        came = whole.since(at(0))
        return [
            *whole.tables("finished", ["error"]).values(),
            *whole.above("waits", 9, 7).values(),
            *whole.copies().values(),
            *came.tables("finished", ["error"]).values(),
        ]

    together = tables(slice(None))
    assert len(together) == 4
    for look in range(1, 5):
        for whole, alone in zip(together, tables(look), strict=True):
            assert whole[look].tolist() == alone.tolist()


def _of(what: str, counts: dict[str, Any]) -> dict[str, Any]:
    """The keys that a kind has."""
    return {
        key: n for key, n in counts.items() if key.isdigit() == (what == "waits") and key != "agree"
    }
