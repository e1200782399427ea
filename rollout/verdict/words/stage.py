"""Where the rollout of a stored verdict stands, which decides what is still missing."""

from typing import Any

from rollout.state.strategy import STRATEGIES
from rollout.verdict.words.alarm import REACHED

RELEASED, ROLLED_BACK, ENDED, FLAGGED = "released", "rolled back", "ended", "flagged"
FAILING, HELD, PAUSED, UNDER_WAY = "failing", "held", "paused", "under way"
OVER = (RELEASED, ROLLED_BACK, ENDED)
SAMPLE_RATIO = "sample ratio"
_BY_ACT = {"promote": RELEASED, "rollback": ROLLED_BACK, "end": ENDED, "flag": FLAGGED}


def stage_of(verdict: dict[str, Any], act: str) -> str:
    """The stage after an act, or now where there was none."""
    if act in _BY_ACT:
        return _BY_ACT[act]
    if verdict["breaker"] or verdict["word"] == "fail":
        return FAILING
    if act == "hold" or verdict["held"] or _holds_now(verdict):
        return HELD
    if verdict["paused"]:
        return PAUSED
    return UNDER_WAY


def ends_by(verdict: dict[str, Any]) -> str:
    """What ends the rollout, as Strategy has it; empty where it was not stored."""
    row = STRATEGIES.get(verdict["strategy"])
    if row is None:
        return ""
    return row.ends


def holding(verdict: dict[str, Any]) -> list[dict[str, Any]]:
    """The signals that have reached the threshold at which they hold."""
    return [signal for signal in verdict["signals"] if signal["alarm"] == REACHED["hold"]]


def _holds_now(verdict: dict[str, Any]) -> bool:
    """Whether the controller is about to hold it: not for what a person has accepted."""
    if verdict["word"] not in ("hold", "invalid"):
        return False

    reasons = {signal["name"] for signal in holding(verdict)}
    if verdict["word"] == "invalid":
        reasons.add(SAMPLE_RATIO)

    return not reasons <= set(verdict["accepted"])
