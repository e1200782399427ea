"""How loud the evidence against a candidate is, and how far a proof has come.

Both are read on the scale of logarithms: evidence grows by factors, so half of the way to 67 is 8.
"""

import math

NO_ALARM, WEAK, STRONG = "none", "weak", "strong"
REACHED = {"rollback": "roll back", "hold": "hold", "watch": "shown only"}
"""What a signal at its threshold does, by its action."""
LEAST = math.log(2)
"""Below 2 to 1 there is no alarm: the controller takes a step up to there."""
_LOUDNESS = {NO_ALARM: 0, WEAK: 1, STRONG: 2}


def alarm(against: float, needed: float, action: str) -> str:
    """`none` below 2 to 1, `weak` up to half of the way to the threshold, `strong` above, then what
    it does.

    against, needed: logarithms; action: "rollback", "hold" or "watch".
    """
    if against >= needed:
        return REACHED[action]

    if against < LEAST:
        return NO_ALARM
    if against <= needed / 2:
        return WEAK
    return STRONG


def loudness(level: str) -> int:
    """A level as a number: larger is louder."""
    return _LOUDNESS.get(level, len(_LOUDNESS))


def in_a_sentence(level: str) -> str:
    """`no alarm`, `weak alarm`, `strong alarm`; also of what is reached, which nothing is above."""
    if level == NO_ALARM:
        return "no alarm"
    if level == WEAK:
        return "weak alarm"
    return "strong alarm"


def share_of_way(proof: float, needed: float) -> int:
    """How far a proof has come, in percent of its logarithm; 100 only where it is there."""
    if proof >= needed:
        return 100
    return max(0, math.floor(100 * proof / needed))


def odds(log: float) -> str:
    """`0.5 to 1`, `67 to 1`, `12,400 to 1` of a logarithm; a bound outside 0.01 and 1e9."""
    if log > math.log(1e9):
        return "more than 1e9 to 1"

    value = math.exp(log)
    if value < 0.005:
        return "less than 0.01 to 1"
    if value < 9.95:
        return f"{value:.2g} to 1"

    if value < 1000:
        return f"{value:.0f} to 1"
    return f"{float(f'{value:.3g}'):,.0f} to 1"
