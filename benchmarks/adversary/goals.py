"""What the benchmark's adversary must not achieve, and a table of what it does."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from rich.table import Table


@dataclass(frozen=True)
class Goal:
    """One key of the JSON. most: a number or a share at most; None: it is to be true, or found.

    runs: those that a share is of, in the full benchmark; 0 where it is no share."""

    title: str
    most: float | None
    runs: int = 0


GOALS = {
    "sticky_30": Goal("30 users, all of the candidate's requests fail: failed until rollback", 60),
    "sticky_200": Goal("200 users: failed until rollback", 60),
    "sticky_2000": Goal("2,000 users: failed until rollback", 60),
    "outage_false": Goal("nothing wrong, shared outages: rolled back", 0.05, 200),
    "request_id_false": Goal("nothing wrong, repeated request ids: held or rolled back", 0.01, 100),
    "fraud_hold": Goal("1 % fraud, the candidate never says so: requests until hold", 20_000),
    "permuted_found": Goal("classes or rows permuted: requests", None),
    "collapsed_scores_found": Goal("probabilities collapsed to one half: requests", None),
    "label_gap_false": Goal("equal loss, 5 % fewer labels: called worse", 0.05, 200),
    "label_1_to_2": Goal("loss of 2 % instead of 1 % at 5 %: requests until rollback", 40_000),
    "capacity_held": Goal("too little capacity for all traffic is held", None),
    "segment_found": Goal("0.5 % of the traffic always fails: requests", None),
    "tail_found": Goal("1 % of the requests ten times slower: requests", None),
    "alike_rolled_back": Goal("nothing wrong: rolled back", 0.05, 100),
    "alike_held": Goal("nothing wrong: held", 0.05, 100),
}
BREAKER = "nothing wrong: ended by the breaker"


def reached(result: Mapping[str, Any], part: float) -> bool:
    """Whether all goals are reached, give or take three standard errors of a share seen.

    part: of the full benchmark's runs that were played."""
    return all(is_reached(name, result[name], part) for name in GOALS)


def is_reached(name: str, value: float | bool | None, part: float) -> bool:
    """Whether one goal is reached."""
    goal = GOALS[name]
    if goal.most is None:
        return bool(value)
    if value is None:
        return False
    if not goal.runs:
        return value <= goal.most

    spread = np.sqrt(goal.most * (1 - goal.most) / max(1, goal.runs * part))
    return bool(value <= goal.most + 3 * spread)


def table(result: Mapping[str, Any]) -> Table:
    """Every goal with what was reached."""
    shown = Table()
    shown.add_column("hostile traffic")
    shown.add_column("goal", justify="right")
    shown.add_column("reached", justify="right")
    for name, goal in GOALS.items():
        shown.add_row(goal.title, wanted(goal), value_text(goal, result[name]))

    shown.add_row(BREAKER, "-", _percent(result["breaker_false"]))
    return shown


def lines(result: Mapping[str, Any]) -> list[str]:
    """The same as lines of Markdown."""
    rows = ["| hostile traffic | goal | reached |", "|---|--:|--:|"]
    for name, goal in GOALS.items():
        rows.append(f"| {goal.title} | {wanted(goal)} | {value_text(goal, result[name])} |")

    rows.append(f"| {BREAKER} | - | {_percent(result['breaker_false'])} |")
    return rows


def wanted(goal: Goal) -> str:
    """The goal in words."""
    if goal.most is None:
        return "found"
    return f"at most {_number(goal, goal.most)}"


def value_text(goal: Goal, value: float | bool | None) -> str:
    """What was reached, in words."""
    if value is None or value is False:
        return "not found"
    if value is True:
        return "yes"
    return _number(goal, value)


def _number(goal: Goal, value: float) -> str:
    if goal.runs:
        return _percent(value)
    return f"{value:,.0f}"


def _percent(share: float) -> str:
    return f"{100 * share:.3g} %"
