"""All periods at once are judged as each by itself, its counts taken apart name by name."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rollout.state.policy import Policy, VerdictConfig, policy
from rollout.state.split import ALL
from rollout.state.strategy import STRATEGIES, strategy
from rollout.verdict.baseline import Reference
from rollout.verdict.evidence import LABEL_LEVELS, Evidence
from rollout.verdict.verdict import LABELS_OFF, against, guard, judge, label_guard, proof
from tests.rollout.evidence_factory import Row, evidence

several = settings(max_examples=25, derandomize=True, database=None, deadline=None)
NORMAL = Reference(
    loss=0.2,
    waits=((100, 0.5), (150, 0.01)),
    values=((-3, 0.6), (20, 0.1)),
    classes=(("late", 0.2), ("on time", 0.8)),
)
NAMES = {
    "drawn": ("all",),
    "finished": ("ok", "error", "refused", "shed"),
    "waits": ("90", "120", "170"),
    "classes": ("late", "on time"),
    "values": ("-7", "0", "25"),
    "labels": ("0", "8", "16"),
    "paired": ("-16", "0", "4"),
    "copies": ("agree", "differ", "error"),
    "control": ("agree", "differ"),
    "answers": ("both", "candidate failed", "stable failed"),
    "timing": ("-2", "8", "30"),
    "elapsed": ("-2", "30"),
}


def kinds() -> st.SearchStrategy[Mapping[str, Mapping[str, int]]]:
    """Some counts of any kind."""
    of = {
        kind: st.dictionaries(st.sampled_from(names), st.integers(0, 60))
        for kind, names in NAMES.items()
    }
    return st.fixed_dictionaries({}, optional=of)


tallied = st.tuples(
    st.sampled_from(("v1", "v2")), st.sampled_from((0, 100, 4_600, 5_000, ALL)), kinds()
)
came = st.lists(st.lists(tallied, max_size=6), min_size=1, max_size=5)


def marked(parts: list[list[Row]]) -> tuple[Evidence, list[Evidence]]:
    """The evidence of all parts, and as it was after each but the last; some were counted before
    and are lost since.
    """
    *before, whole = (
        evidence(*(row for part in parts[:end] for row in part)) for end in range(1, len(parts) + 1)
    )
    return whole, [evidence(*parts[0], *_rows(mark)) for mark in before]


def _rows(whole: Evidence) -> list[Row]:
    return [(version, weight, tally) for (version, weight), tally in whole.tallies.items()]


def apart(whole: Evidence, marks: list[Evidence]) -> list[Evidence]:
    """Each period by itself."""
    return [whole, *(whole.since(mark) for mark in marks)]


def cells(
    seen: Evidence,
    kind: str,
    weight: int,
    *cuts: tuple[Callable[[str], bool], Callable[[str], bool]],
) -> Any:
    """Counts (2, levels) at one weight, a column a pair of questions about a name: the candidate's,
    the stable's.
    """
    counted = [seen.tallies.get((version, weight), {}).get(kind, {}) for version in ("v2", "v1")]
    return [
        [sum(n for name, n in counts.items() if cut[v](name)) for cut in cuts]
        for v, counts in enumerate(counted)
    ]


def same(
    periods: Mapping[float, Any], alone: list[Evidence], plain: Callable[[Evidence, int], Any]
) -> None:
    """Tables of all periods are those written out; where none has any count there is none."""
    for weight in (100, 4_600, 5_000):
        expected = np.array([plain(seen, weight) for seen in alone])
        assert (weight / ALL in periods) == expected.any()
        assert not expected.any() or periods[weight / ALL].tolist() == expected.tolist()


@several
@given(came)
def test_what_is_read_of_all_periods_is_what_each_alone_has(parts: list[list[Row]]) -> None:
    whole, marks = marked(parts)
    periods, alone = whole.periods(marks), apart(whole, marks)

    def bad(name: str) -> bool:
        return name == "error"

    def good(name: str) -> bool:
        return name in ("ok", "refused")

    same(
        periods.tables("finished", ["error"], ["ok", "refused"]),
        alone,
        lambda seen, weight: cells(seen, "finished", weight, (good, good), (bad, bad)),
    )
    same(
        periods.above("waits", 120, 100),
        alone,
        lambda seen, weight: cells(
            seen,
            "waits",
            weight,
            (lambda name: int(name) < 120, lambda name: int(name) < 100),
            (lambda name: int(name) >= 120, lambda name: int(name) >= 100),
        ),
    )
    levels = [(lambda name, at=at: int(name) == at,) * 2 for at in range(LABEL_LEVELS)]
    same(
        periods.levels("labels", LABEL_LEVELS),
        alone,
        lambda seen, weight: cells(seen, "labels", weight, *levels),
    )
    for place, seen in enumerate(alone):
        bins, pairs = seen.of("v2", "timing"), seen.of("v2", "paired")
        sides = [
            sum(n for name, n in bins.items() if (int(name) >= 8) == late) for late in (False, True)
        ]
        differences = [pairs.get(str(level), 0) for level in range(1 - LABEL_LEVELS, LABEL_LEVELS)]
        assert np.broadcast_to(periods.sides("timing", 8), (len(alone), 2))[place].tolist() == sides
        assert np.broadcast_to(periods.paired(), (len(alone), 33))[place].tolist() == differences
        for kind in NAMES:
            counted = periods.of("v2", kind)
            assert {name: n[place] for name, n in counted.items()} == seen.of("v2", kind)


@pytest.mark.parametrize("how", STRATEGIES)
@several
@given(came)
def test_all_periods_at_once_are_judged_as_each_by_itself(how: str, parts: list[list[Row]]) -> None:
    by: Policy = policy(VerdictConfig(), strategy(how))
    whole, marks = marked(parts)
    alone = apart(whole, marks)
    verdict = judge(whole, marks, NORMAL, by)
    assert verdict.ratio == pytest.approx(float(guard(whole)), rel=1e-9, abs=1e-12)
    off = max(float(label_guard(period)) for period in alone) >= LABELS_OFF
    for signal in verdict.signals:
        is_off = off and signal.rule.name == "labels"
        assert signal.off == (is_off and not whole.paired().any())
        if is_off:
            continue
        proved = proof(signal.rule, whole, NORMAL)
        assert signal.against == pytest.approx(
            float(against(signal.rule, alone, NORMAL)), rel=1e-9, abs=1e-12
        )
        assert signal.proof == (
            None if proved is None else pytest.approx(float(proved), rel=1e-9, abs=1e-12)
        )
