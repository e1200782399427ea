"""The answers to "what is missing?" and "how long?"."""

from collections.abc import Iterator
from typing import Any

from rollout.durations import shown_seconds
from rollout.plurals import counted
from rollout.state.policy import title_of
from rollout.verdict.words.alarm import NO_ALARM
from rollout.verdict.words.lists import about, joined, rate
from rollout.verdict.words.phrases import ASKED, COUNTED, NEVER, OFF, PAIRS
from rollout.verdict.words.stage import (
    ENDED,
    FAILING,
    FLAGGED,
    HELD,
    OVER,
    PAUSED,
    RELEASED,
    ROLLED_BACK,
    ends_by,
)

Signal = dict[str, Any]


def what_is_missing(verdict: dict[str, Any], stage: str) -> str:
    """What must come before the rollout goes on, or ends."""
    stable = verdict["stable"]
    by_stage = {
        RELEASED: "Nothing: it was released.",
        ROLLED_BACK: f"Nothing: {stable} has its traffic again.",
        ENDED: "Nothing: the shadow is over, and no user has met it.",
        FLAGGED: "A person's decision: `python deploy.py rollback`, or nothing, and it stays.",
        FAILING: f"Nothing: {stable} gets its traffic at the controller's next look.",
        PAUSED: "`python deploy.py resume`: it is paused. A rollback does not wait for that.",
        HELD: f"A person's decision{_held(verdict)}: `python deploy.py resume` lets it go on, "
        f"`python deploy.py abort` ends it.",
    }
    if stage in by_stage:
        return by_stage[stage]
    return " ".join(_sentences(verdict))


def how_long(verdict: dict[str, Any], stage: str) -> str:
    """The time until then, or why none can be said."""
    if stage in OVER:
        return "It is over."
    if stage == FAILING:
        return "A second or two."
    if stage in (HELD, PAUSED, FLAGGED):
        if not verdict["weight"]:
            return "Until a person decides; until then no user gets its answers."

        share = f"{verdict['weight'] / 100:g} %"
        return f"Until a person decides; until then it has {share} of the traffic."
    return " ".join(_durations(verdict))


def ends_without_proof(verdict: dict[str, Any]) -> bool:
    """Whether a person or the clock ends it, or nothing has to be proved."""
    return ends_by(verdict) in ("person", "clock") or not _required(verdict)


def _held(verdict: dict[str, Any]) -> str:
    if verdict["held"]:
        return f" ({', '.join(map(title_of, verdict['held']))})"
    return ""


def _sentences(verdict: dict[str, Any]) -> Iterator[str]:
    candidate, ends = verdict["candidate"], ends_by(verdict)
    if ends == "person":
        yield f"A person's decision: `python deploy.py promote {candidate}` or `abort`."
        return
    if ends == "clock":
        yield _of_clock(verdict)
        return
    if _is_silent(verdict):
        yield f"Requests: nothing arrived in the last {shown_seconds(verdict['recent_s'])}."
    unproved = required_unproved(verdict)
    if verdict["exhausted_users"] and unproved:
        yield _of_users(verdict)
    if unproved:
        yield f"The proof of {joined(_of_proof(signal) for signal in unproved)}."
    elif verdict["word"] == "undecided" and _required(verdict):
        yield "Recent requests that do not look worse: all is proved, but they do."
    if verdict["capacity"]:
        yield f"The rate that it will get: {verdict['capacity']}."
    if verdict["was_away"]:
        yield f"Some time without an outage: {verdict['candidate']} could not be asked just now."
    doubts = [] if verdict["next_weights"] else verdict["doubts"]
    if doubts:
        yield f"Less doubt in {joined(map(title_of, doubts))}: it may differ, and a release waits."
    if verdict["next_weights"]:
        yield _of_step(verdict)
    elif not (unproved or doubts or verdict["was_away"] or _still_waits(verdict)):
        yield "Nothing: the controller ends it when its time has passed."


def _still_waits(verdict: dict[str, Any]) -> bool:
    return verdict["word"] == "undecided" or bool(verdict["capacity"])


def _of_clock(verdict: dict[str, Any]) -> str:
    if verdict["next_weights"]:
        share = _next_share(verdict)
        return f"For the next step ({share}): time alone, while nothing rolls it back."

    return "Time alone: it is released at the end of this step, if nothing rolls it back."


def _of_users(verdict: dict[str, Any]) -> str:
    users = counted(verdict["exhausted_users"], "user")
    come = "Pairs go on bringing evidence."
    if not verdict["recent"].get(PAIRS):
        come = "No pairs arrive either."
    return f"New users: {users} have all been counted, and a user counts once. {come}"


def _of_proof(signal: Signal) -> str:
    title, unit = title_of(signal["name"]), signal["more_of"] or ""
    if signal["says"] == OFF:
        return f"{title}, whose labels are not comparable"
    if signal["more"] == NEVER:
        return f"{title}, which looks no better than its margin"
    if signal["more"] is None:
        return f"{title} (nothing was compared yet)"
    return f"{title} (about {about(signal['more'])} more {unit}{_at_most(signal)})"


def _at_most(signal: Signal) -> str:
    most = signal["more_90"]
    if most in (None, NEVER) or about(most) == about(signal["more"]):
        return ""
    return f"; 9 in 10 rollouts: at most {about(most)}"


def _of_step(verdict: dict[str, Any]) -> str:
    """What the next step waits for."""
    waits = joined(_step_waits(verdict)) or "nothing more"
    text = f"For the next step ({_next_share(verdict)}): {waits}."
    if verdict["word"] == "pass":
        text += f" It is released from the last one ({verdict['next_weights'][-1] / 100:g} %)."
    return text


def _next_share(verdict: dict[str, Any]) -> str:
    return f"{verdict['next_weights'][0] / 100:g} %"


def _step_waits(verdict: dict[str, Any]) -> Iterator[str]:
    left = _step_left(verdict)
    if left:
        yield f"{left:,} more requests or copies to {verdict['candidate']}"
    if verdict["step_wait_s"]:
        yield "the rest of its time"
    if verdict["alarm"] != NO_ALARM:
        yield "no alarm of all signals together"


def _durations(verdict: dict[str, Any]) -> Iterator[str]:
    ends = ends_by(verdict)
    if ends == "person":
        yield "Until a person decides: it has no deadline."
        return
    if ends == "clock":
        yield _about_seconds(verdict["step_wait_s"] or 0.0)
        return
    if verdict["next_weights"]:
        yield _step_duration(verdict)

    reason = why_no_time(verdict)
    if reason:
        yield f"{reason} {_deadline(verdict)}".rstrip()
    elif required_unproved(verdict):
        yield from _proof_duration(verdict)
    elif not verdict["next_weights"]:
        yield _rest(verdict)


def why_no_time(verdict: dict[str, Any]) -> str:
    """Why no time to the proofs can be said; empty where one can."""
    waiting = required_unproved(verdict)
    hopeless = [signal for signal in waiting if signal["more"] == NEVER]
    if hopeless:
        titles = joined(title_of(signal["name"]) for signal in hopeless)
        return f"No end at this rate: {titles} of {verdict['candidate']} must become better first."

    unknown = [signal for signal in waiting if signal["more_s"] is None]
    if not unknown:
        return ""
    if verdict["recent_s"] is None:
        return "Not stored: this verdict is of an earlier version of Sluice."
    if _is_silent(verdict):
        return "No time can be said: nothing arrives."
    if verdict["exhausted_users"]:
        return "No time can be said: all users have been counted, and no pairs arrive."

    units = joined(dict.fromkeys(map(_unit, unknown)))
    return f"No time can be said: no {units} arrived lately."


def _unit(signal: Signal) -> str:
    return signal["more_of"] or f"counts of {title_of(signal['name'])}"


def _proof_duration(verdict: dict[str, Any]) -> Iterator[str]:
    slowest = max(required_unproved(verdict), key=_seconds)
    half, unit = shown_seconds(slowest["more_s"]), slowest["more_of"]
    most = shown_seconds(slowest["more_90_s"] or slowest["more_s"])
    text = f"About {half} to the proof if the versions are alike"
    if most != half:
        text += f" (9 in 10 rollouts: at most {most})"

    yield f"{text}, at {_rate(unit, slowest['per_s'])}{_at_weight(verdict, unit)}."
    if verdict["deadline_s"] is not None and _seconds(slowest) > _left(verdict):
        yield f"That is too long. {_deadline(verdict)}"


def _rate(unit: str, per_s: float) -> str:
    number, _, period = rate(per_s).partition(" ")
    return f"{number} {unit} {period}"


def _at_weight(verdict: dict[str, Any], unit: str) -> str:
    if unit == COUNTED and verdict["next_weights"]:
        return " and at this weight; at a larger one it takes less"
    return ""


def _step_duration(verdict: dict[str, Any]) -> str:
    left, wait_s = _step_left(verdict), verdict["step_wait_s"] or 0.0
    arriving = verdict["recent"].get(ASKED, 0)
    if verdict["alarm"] != NO_ALARM:
        return "No step while there is an alarm."
    if left and not arriving:
        return "No time of the next step can be said: the requests that it waits for do not come."
    if left:
        wait_s = max(wait_s, left * verdict["recent_s"] / arriving)
    return f"To the next step: {_about_seconds(wait_s).lower()}"


def _about_seconds(duration: float) -> str:
    if duration < 1:
        return "A second or two."
    return f"About {shown_seconds(duration)}."


def _rest(verdict: dict[str, Any]) -> str:
    if verdict["word"] == "undecided":
        return f"As long as they look worse. {_deadline(verdict)}".rstrip()
    if verdict["capacity"]:
        return "Until it has shown that rate: from time to time it gets copies of all requests."
    if verdict["was_away"]:
        return "Until it has been there for half a minute or a whole one."
    if verdict["doubts"]:
        return "Until pairs have removed that doubt, or put it on hold."
    if verdict["step_wait_s"]:
        return f"{shown_seconds(verdict['step_wait_s'])} of its time are left."
    return _about_seconds(0.0)


def _deadline(verdict: dict[str, Any]) -> str:
    if verdict["deadline_s"] is None:
        return ""

    what = {"hold": "put on hold", "rollback": "rolled back"}[verdict["undecided"]]
    return f"At its deadline, in {shown_seconds(_left(verdict))}, it is {what}."


def _left(verdict: dict[str, Any]) -> float:
    return max(0.0, float(verdict["deadline_s"]) - float(verdict["running_s"]))


def _step_left(verdict: dict[str, Any]) -> int:
    return max(0, int(verdict["step_requests"]) - int(verdict["step_served"]))


def _is_silent(verdict: dict[str, Any]) -> bool:
    """Whether it is known that nothing arrives."""
    return bool(verdict["recent_s"]) and not any(verdict["recent"].values())


def _required(verdict: dict[str, Any]) -> list[Signal]:
    return [signal for signal in verdict["signals"] if signal["required"]]


def required_unproved(verdict: dict[str, Any]) -> list[Signal]:
    """The signals whose proof is required and not there."""
    return [signal for signal in _required(verdict) if signal["proof_share"] != 100]


def _seconds(signal: Signal) -> float:
    return float(signal["more_s"] or 0.0)
