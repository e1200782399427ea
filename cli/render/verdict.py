"""A verdict's numbers in words: a head, a row a signal, and all signals together.

Evidence and proof are the capital of sequential bets, stored as logarithms. Shown is by how much a
stake has grown, and by how much it must grow."""

import math
from dataclasses import dataclass
from typing import Any

from deployment.commands.strategy_options import shown_seconds
from rollout.plurals import counted
from rollout.state.policy import title_of

WORDS = {"pass": "PASS", "fail": "FAIL", "undecided": "WAIT", "hold": "HOLD", "invalid": "INVALID"}
MOST = 1e9
LEAST = 0.005
Row = tuple[str, ...]


@dataclass(frozen=True)
class Shown:
    """head: both versions, the share, the time, the requests and the word; rows: first the columns'
    names, then one a signal.
    """

    head: str
    because: str
    rows: tuple[Row, ...]
    together: str

    @property
    def lines(self) -> list[str]:
        """The same as aligned text."""
        widths = [max(map(len, column)) for column in zip(*self.rows, strict=True)]
        table = ["  ".join(map(str.ljust, row, widths)).rstrip() for row in self.rows]
        return [self.head, *filter(None, [self.because]), *table, self.together]


def shown(model: str, verdict: dict[str, Any]) -> Shown:
    """A stored verdict in words; raises KeyError, TypeError, ValueError if it cannot be read."""
    head = (
        f"{model} {verdict['candidate']} vs {verdict['stable']}   "
        f"{verdict['weight'] / 100:g} % for {shown_seconds(verdict['running_s'])}   "
        f"{counted(verdict['requests'], 'request')}, {verdict['candidate_requests']:,} canary   "
        f"{WORDS[verdict['word']]}"
    )
    columns = (
        "signal",
        verdict["candidate"],
        verdict["stable"],
        "difference (95 %, any time)",
        "evidence against",
        "proof",
        "says",
    )
    rows = (columns, *map(_row, verdict["signals"]))
    together = f"all signals together  {of(verdict['against'], verdict['needed'])}"
    return Shown(head, str(verdict["because"] or ""), rows, together)


def of(value: float, needed: float) -> str:
    """`0.5x of 67x` of two logarithms; `almost 67x` where rounding would show it as reached."""
    reached, goal = times(value), times(needed)
    if reached == goal and value < needed:
        return f"almost {goal}"
    return f"{reached} of {goal}"


def times(log: float) -> str:
    """`0.5x`, `67x`, `12,400x` of a logarithm; a bound such as `>1e9x` outside LEAST to MOST."""
    if log > math.log(MOST):
        return ">1e9x"

    value = math.exp(log)
    if value < LEAST:
        return "<0.01x"
    if value < 9.95:
        return f"{value:.2g}x"

    if value < 1e6:
        return f"{value:,.0f}x"
    return f"{value:.0e}x".replace("e+0", "e")


def _row(signal: dict[str, Any]) -> Row:
    return (
        title_of(signal["name"]),
        signal["candidate"],
        signal["stable"],
        signal["difference"],
        of(signal["against"], signal["against_needed"]),
        _proof(signal),
        signal["says"],
    )


def _proof(signal: dict[str, Any]) -> str:
    proof, needed, margin = signal["proof"], signal["proof_needed"], signal["margin"]
    if proof is None:
        return "-"
    if proof >= needed:
        return f"certified {margin}".rstrip()

    return ", ".join(filter(None, (of(proof, needed), margin)))
