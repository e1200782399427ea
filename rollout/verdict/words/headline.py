"""The one sentence that a page begins with: better, worse or not yet known; by how much, how sure,
and when it will be known.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from rollout.durations import shown_seconds
from rollout.state.policy import title_of
from rollout.verdict.signals.prediction import PREDICTION
from rollout.verdict.words.alarm import odds
from rollout.verdict.words.lists import percent
from rollout.verdict.words.phrases import NEVER, OFF
from rollout.verdict.words.progress import ends_without_proof, required_unproved, why_no_time
from rollout.verdict.words.stage import FAILING, FLAGGED, ROLLED_BACK, holding
from rollout.verdict.words.worse import has_counts

BETTER, NO_WORSE, WORSE, DIFFERS, UNKNOWN = "better", "no worse", "worse", "differs", "unknown"
Signal = dict[str, Any]


@dataclass(frozen=True)
class Headline:
    """state: one of BETTER, NO_WORSE, WORSE, DIFFERS, UNKNOWN. lead: that in a sentence.

    much, sure, known: by how much, how sure, when it will be known, as parts of a sentence; empty
    where there is nothing to say.
    """

    state: str
    lead: str
    much: str
    sure: str
    known: str

    @property
    def sentence(self) -> str:
        """All of it as one sentence."""
        parts = "; ".join(filter(None, (self.much, self.sure, self.known)))
        if not parts:
            return f"{self.lead}."
        return f"{self.lead}: {parts}."


def headline(verdict: dict[str, Any], stage: str) -> Headline:
    """The headline of a verdict as earlier_words.as_of_today gives it."""
    state = _state(verdict, stage)
    signal = _telling_signal(verdict, state)
    return Headline(
        state,
        _lead(verdict, state),
        _much(signal, verdict["stable"]),
        _sure(verdict, state),
        _known(verdict, state),
    )


def _state(verdict: dict[str, Any], stage: str) -> str:
    if stage in (FAILING, FLAGGED) or verdict["breaker"] or verdict["word"] == "fail":
        return WORSE
    if verdict["word"] == "invalid":
        return UNKNOWN
    if _held(verdict):
        return DIFFERS
    if verdict["word"] == "pass":
        if any(map(_is_lower, verdict["signals"])):
            return BETTER
        return NO_WORSE
    if stage == ROLLED_BACK or not verdict["proved"]:
        return UNKNOWN
    return NO_WORSE


def _held(verdict: dict[str, Any]) -> list[Signal]:
    """What holds it and no person has accepted."""
    return [signal for signal in holding(verdict) if signal["name"] not in verdict["accepted"]]


def _is_lower(signal: Signal) -> bool:
    """Whether the whole band of a loss is below that of the stable version."""
    band = signal.get("band")
    return band is not None and signal["name"] != PREDICTION and bool(band[2] < 0)


def _lead(verdict: dict[str, Any], state: str) -> str:
    candidate, stable = verdict["candidate"], verdict["stable"]
    if state == WORSE and verdict["breaker"]:
        return f"{candidate} does not answer"
    if verdict["word"] == "invalid" and state == UNKNOWN:
        return f"It cannot be known whether {candidate} is worse than {stable}"

    return {
        BETTER: f"{candidate} is better than {stable}",
        NO_WORSE: f"{candidate} is no worse than {stable}",
        WORSE: f"{candidate} is worse than {stable}",
        DIFFERS: f"{candidate} differs from {stable}, and a person must say whether that is worse",
        UNKNOWN: f"Not yet known whether {candidate} is worse than {stable}",
    }[state]


def _telling_signal(verdict: dict[str, Any], state: str) -> Signal | None:
    """The signal whose numbers say by how much: that which decides, else the one that is waited
    for.
    """
    signals: list[Signal] = verdict["signals"]
    if state == WORSE:
        loud = [signal for signal in signals if signal["says"].startswith("worse")]
        return max(loud or signals, key=_against, default=None)
    if state == DIFFERS:
        return next(iter(_held(verdict)), None)
    if state == BETTER:
        return next(filter(_is_lower, signals), None)

    unproved = [signal for signal in required_unproved(verdict) if signal["candidate"] != "-"]
    if unproved:
        return max(unproved, key=_wait_s)

    # How right the answers are matters most, where it is known.
    banded = [signal for signal in signals if signal.get("band")]
    labels = (signal for signal in banded if signal["name"] == "labels")
    return next(labels, next(iter(banded), None))


def _against(signal: Signal) -> float:
    return float(signal["against"])


def _wait_s(signal: Signal) -> float:
    if signal["more"] == NEVER:
        return math.inf
    return float(signal["more_s"] or 0.0)


def _much(signal: Signal | None, stable: str) -> str:
    if signal is None or signal["candidate"] == "-":
        return ""

    title, band = title_of(signal["name"]), signal.get("band")
    words = f"{title} {signal['candidate']}, {signal['stable']} on {stable}"
    if band is None:
        return words
    low, estimate, high = map(points, band)
    return f"{words}, a difference of {estimate} ({low} to {high})"


def points(part: float) -> str:
    """`+0.20` or `−0.20` percentage points of a part of one."""
    return f"{100 * part:+.2f} pp".replace("-", "−")


def _sure(verdict: dict[str, Any], state: str) -> str:
    alpha = percent(math.exp(-verdict["needed"]))
    if state == WORSE and verdict["breaker"]:
        return str(verdict["breaker"])
    if state == WORSE:
        return (
            f"odds {odds(max(verdict['against'], *_loudest(verdict)))}, and chance does that to at "
            f"most {alpha} of rollouts"
        )
    if state in (BETTER, NO_WORSE):
        return _sure_of_proof(verdict)
    if verdict["word"] == "invalid":
        return "it did not get its share of the requests"
    if not has_counts(verdict):
        return "nothing was compared yet"
    if state == DIFFERS:
        return f"odds {odds(_against(_held(verdict)[0]))}"
    return _way(verdict)


def _loudest(verdict: dict[str, Any]) -> Iterator[float]:
    yield verdict["against"]
    for signal in verdict["signals"]:
        if signal["action"] == "rollback" and signal["says"].startswith("worse"):
            yield signal["against"]


def _sure_of_proof(verdict: dict[str, Any]) -> str:
    proved = [signal for signal in verdict["signals"] if signal["proof_share"] == 100]
    if not proved:
        return ""

    wrong = percent(math.exp(-proved[0]["proof_needed"]))
    return f"of versions that are worse by a margin at most {wrong} get that proof"


def _way(verdict: dict[str, Any]) -> str:
    if ends_without_proof(verdict):
        return "nothing has to be proved here"

    shares = [signal["proof_share"] or 0 for signal in required_unproved(verdict)]
    if not shares:
        return ""
    return f"{min(shares)} % of the way to the proof"


def _known(verdict: dict[str, Any], state: str) -> str:
    if state != UNKNOWN or verdict["word"] == "invalid" or ends_without_proof(verdict):
        return ""

    waiting = required_unproved(verdict)
    if not waiting:
        return ""
    if any(signal["says"] == OFF for signal in waiting):
        return "labels are not comparable, so there is no time"

    reason = why_no_time(verdict)
    if reason:
        return reason[:1].lower() + reason[1:].rstrip(".")

    slowest = max(waiting, key=_wait_s)
    return f"known in about {shown_seconds(_wait_s(slowest))} at this rate"
