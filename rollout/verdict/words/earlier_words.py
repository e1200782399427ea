"""Reads the verdicts that earlier versions of Sluice stored: what they lack is added, and what they
said is said in the words of today.
"""

import math
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from rollout.state.split import ALL
from rollout.verdict.words.alarm import alarm, in_a_sentence, share_of_way
from rollout.verdict.words.phrases import NO_DATA, NOTHING_REQUIRED, OFF, PROVED, WORSE

_LATER_KEYS: Mapping[str, Any] = MappingProxyType(
    {
        "ratio_needed": math.log(1000),
        "all_requests": None,
        "pairs": 0,
        "copies": 0,
        "exhausted_users": 0,
        "recent_s": None,
        "recent": {},
        "proved": False,
        "breaker": "",
        "capacity": "",
        "doubts": [],
        "was_away": False,
        "strategy": "",
        "next_weights": [],
        "step_wait_s": None,
        "step_served": 0,
        "step_requests": 0,
        "deadline_s": None,
        "undecided": "hold",
        "paused": False,
        "held": [],
        "accepted": [],
    }
)
_LATER_SIGNAL_KEYS: Mapping[str, Any] = MappingProxyType(
    dict.fromkeys(("more", "more_90", "more_of", "per_s", "more_s", "more_90_s"))
)
_EARLIER_OFF = "off: labels came for one version more than for the other"
_WITHOUT_DATA = ("-", NO_DATA)


def as_of_today(stored: dict[str, Any]) -> dict[str, Any]:
    """A stored verdict with all keys of today; raises KeyError, TypeError for what is none."""
    known = {**_LATER_KEYS, **stored}
    if "counted" not in stored:
        known |= _counts(stored)

    known.setdefault("alarm", alarm(stored["against"], stored["needed"], "rollback"))
    known["signals"] = list(map(_signal, stored["signals"]))
    return known


def _counts(stored: dict[str, Any]) -> dict[str, Any]:
    """Requests that the coin drew; where it drew none, all requests."""
    if 0 < stored["weight"] < ALL:
        return {"counted": stored["requests"], "candidate_counted": stored["candidate_requests"]}
    return {"counted": 0, "candidate_counted": 0, "all_requests": stored["requests"]}


def _signal(stored: dict[str, Any]) -> dict[str, Any]:
    if "alarm" in stored:
        return stored

    known = {"action": "rollback", "required": False, **_LATER_SIGNAL_KEYS, **stored}
    level = alarm(stored["against"], stored["against_needed"], known["action"])
    says = _words(stored["says"], known["action"], in_a_sentence(level))
    if says == OFF or stored["says"] in _WITHOUT_DATA:
        return {**known, "alarm": None, "proof_share": _share(stored), "says": says}
    return {**known, "alarm": level, "proof_share": _share(stored), "says": says}


def _share(stored: dict[str, Any]) -> int | None:
    if stored["proof"] is None:
        return None
    return share_of_way(stored["proof"], stored["proof_needed"])


def _words(earlier: str, action: str, level: str) -> str:
    if earlier in _WITHOUT_DATA:
        return NO_DATA
    if earlier == _EARLIER_OFF:
        return OFF
    if earlier == "certified":
        return PROVED
    if earlier.startswith(("worse", "differs")):
        return WORSE[action]
    if earlier.startswith("ok"):
        return f"{level} ({NOTHING_REQUIRED})"
    if earlier == "not proved yet":
        return f"{level}, not proved"
    return f"{level}, not proved: {earlier}"
