"""A verdict's numbers in words: a head, four answers, a row a signal, and all signals together.

Evidence and proof are the capital of sequential bets, stored as logarithms. Shown is how loud the
alarm is and how far a proof has come; the odds themselves where they are asked for."""

from dataclasses import dataclass, replace
from typing import Any

from cli.output import printable
from rollout.durations import shown_seconds
from rollout.plurals import counted
from rollout.state.policy import title_of
from rollout.verdict.words.alarm import odds
from rollout.verdict.words.answers import QuestionAnswer, answers
from rollout.verdict.words.earlier_words import as_of_today

WORDS = {"pass": "PASS", "fail": "FAIL", "undecided": "WAIT", "hold": "HOLD", "invalid": "INVALID"}
Row = tuple[str, ...]


@dataclass(frozen=True)
class Shown:
    """head: both versions, the share, the time, what was counted and the word; answers: what a
    reader asks first; rows: first the columns' names, then one a signal.
    """

    head: str
    answers: tuple[QuestionAnswer, ...]
    rows: tuple[Row, ...]
    together: str

    @property
    def lines(self) -> list[str]:
        """The same as aligned text."""
        replies = tuple((answer.question, answer.text) for answer in self.answers)
        return [self.head, *_aligned(replies), "", *_aligned(self.rows), self.together]


def shown(model: str, stored: dict[str, Any], act: str = "", with_odds: bool = False) -> Shown:
    """A stored verdict in words; raises KeyError, TypeError, ValueError if it cannot be read.

    act: what was done on it, as the ledger has it; empty for the verdict of now.
    """
    verdict = as_of_today(stored)
    head = (
        f"{model} {verdict['candidate']} vs {verdict['stable']}   "
        f"{verdict['weight'] / 100:g} % for {shown_seconds(verdict['running_s'])}   "
        f"{arrived(verdict)}   {_word(verdict)}"
    )
    columns = (
        "signal",
        verdict["candidate"],
        verdict["stable"],
        "difference (95 %, any time)",
        "alarm",
        "proof",
    )
    rows = [(*columns, *_odds_columns(with_odds), "says")]
    for signal in verdict["signals"]:
        cells = (*_cells(signal), *_odds_cells(signal, with_odds))
        rows.append(tuple(map(printable, (*cells, signal["says"]))))

    together = f"all signals together  alarm: {verdict['alarm']}"
    if with_odds:
        together += f", {acts_at(verdict['against'], verdict['needed'])}"

    replies = []
    for answer in answers(verdict, act):
        replies.append(replace(answer, text=printable(answer.text)))

    return Shown(head, tuple(replies), tuple(rows), together)


def _word(verdict: dict[str, Any]) -> str:
    if verdict["breaker"]:
        return WORDS["fail"]
    return WORDS[verdict["word"]]


def arrived(verdict: dict[str, Any]) -> str:
    """What came, each by its name: `17,106 requests, 412 counted, 195 of them on v2`."""
    parts = []
    if verdict["all_requests"] is not None:
        parts.append(counted(verdict["all_requests"], "request"))
    if verdict["counted"]:
        parts.append(f"{verdict['counted']:,} counted")
        parts.append(f"{verdict['candidate_counted']:,} of them on {verdict['candidate']}")
    if verdict["pairs"]:
        parts.append(f"{verdict['pairs']:,} asked of both")
    if verdict["copies"]:
        parts.append(counted(verdict["copies"], "copy", "copies"))

    return ", ".join(parts) or "nothing counted"


def acts_at(value: float, needed: float) -> str:
    """`0.6 to 1, acts at 67 to 1` of two logarithms; `almost` where rounding would show it as
    reached.
    """
    reached, goal = odds(value), odds(needed)
    if reached == goal and value < needed:
        reached = f"almost {reached}"
    return f"{reached}, acts at {goal}"


def _cells(signal: dict[str, Any]) -> Row:
    return (
        title_of(signal["name"]),
        signal["candidate"],
        signal["stable"],
        signal["difference"],
        signal["alarm"] or "-",
        _proof(signal),
    )


def _proof(signal: dict[str, Any]) -> str:
    share, margin = signal["proof_share"], signal["margin"]
    if share is None:
        return "-"
    if share == 100:
        return f"proved {margin}".rstrip()
    return ", ".join(filter(None, (f"{share} % of the way", margin)))


def _odds_columns(with_odds: bool) -> Row:
    if with_odds:
        return "odds against", "odds of the proof"
    return ()


def _odds_cells(signal: dict[str, Any], with_odds: bool) -> Row:
    if not with_odds:
        return ()

    against = acts_at(signal["against"], signal["against_needed"])
    if signal["proof"] is None:
        return against, "-"

    proof = acts_at(signal["proof"], signal["proof_needed"]).replace("acts", "proved")
    return against, proof


def _aligned(rows: tuple[Row, ...]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]
