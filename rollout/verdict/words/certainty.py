"""The answer to "how sure?"."""

import math
from collections.abc import Iterator
from typing import Any

from rollout.state.policy import title_of
from rollout.verdict.words.lists import joined, percent
from rollout.verdict.words.phrases import OFF
from rollout.verdict.words.stage import holding
from rollout.verdict.words.worse import has_counts

Signal = dict[str, Any]


def how_sure(verdict: dict[str, Any]) -> str:
    """How often such a verdict is wrong, what is proved, and within what a difference lies."""
    return " ".join(_sentences(verdict))


def _sentences(verdict: dict[str, Any]) -> Iterator[str]:
    candidate, alpha = verdict["candidate"], percent(math.exp(-verdict["needed"]))
    if verdict["breaker"]:
        yield (
            f"As sure as a plain rule on the last seconds is: it makes no promise of {alpha}. What "
            f"the evidence says is below."
        )
        return
    if verdict["word"] == "fail":
        yield (
            f"If {candidate} were no worse than the tolerances allow, this would happen in at most "
            f"{alpha} of rollouts."
        )
        return
    if verdict["word"] == "invalid":
        wrong = percent(math.exp(-verdict["ratio_needed"]))
        yield f"If it had got its share, such counts would come in at most {wrong} of rollouts."
        return
    if not has_counts(verdict):
        yield "Not at all: nothing was compared yet."
        return

    yield from _of_holds(verdict)
    yield from _of_proofs(verdict, alpha)
    if any(signal["says"] == OFF for signal in verdict["signals"]):
        yield "Labels are not comparable: they came for one version more than for the other."


def _of_holds(verdict: dict[str, Any]) -> Iterator[str]:
    for signal in holding(verdict):
        wrong = percent(math.exp(-signal["against_needed"]))
        yield (
            f"If {title_of(signal['name'])} differed by no more than its tolerance, it would be "
            f"held in at most {wrong} of rollouts."
        )


def _of_proofs(verdict: dict[str, Any], alpha: str) -> Iterator[str]:
    required = [signal for signal in verdict["signals"] if signal["required"]]
    if not required:
        yield (
            "Nothing has to be proved here, and no alarm is no proof. A version that is no worse "
            f"is rolled back in at most {alpha} of rollouts."
        )
        yield from _ranges(verdict["signals"][:1])
        return

    proved = [signal for signal in required if signal["proof_share"] == 100]
    unproved = [signal for signal in required if signal["proof_share"] != 100]
    if proved:
        wrong = percent(math.exp(-proved[0]["proof_needed"]))
        yield (
            f"Proved: {joined(map(_with_margin, proved))}; of versions that are worse by a margin, "
            f"at most {wrong} ever get that proof."
        )
    if unproved:
        yield f"Not proved: {joined(map(_way, unproved))}."
        yield from _ranges(unproved)


def _with_margin(signal: Signal) -> str:
    return f"{title_of(signal['name'])} within {signal['margin']}"


def _way(signal: Signal) -> str:
    if signal["proof_share"] is None:
        return title_of(signal["name"])
    return f"{_with_margin(signal)} ({signal['proof_share']} % of the way)"


def _ranges(signals: list[Signal]) -> Iterator[str]:
    """Within what a difference of rates lies."""
    for signal in signals:
        if "[" in signal["difference"]:
            title = title_of(signal["name"])
            yield f"So far the difference of {title} is {signal['difference']} (95 %, any time)."
