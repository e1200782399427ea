"""What the controller does next: (ledger, verdict, clock) -> one record to insert, or nothing.

It takes a step while there is no evidence, promotes on proof and rolls back on evidence. A rollback
waits for nothing: not for a pause, a hold, the time of a step or a deadline."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from rollout.decide import transitions
from rollout.decide.actions import RecordRevision
from rollout.decide.begin_command import command_of
from rollout.decide.decisions import COMMAND, step_of
from rollout.decide.side_effects import versions_with_side_effects
from rollout.state.ledger import Ledger, Rollout
from rollout.state.policy import title_of
from rollout.state.split import ALL
from rollout.state.strategy import strategy
from rollout.verdict.capacity import CAPACITY
from rollout.verdict.memory_errors import MEMORY
from rollout.verdict.verdict import SILENCE, Verdict

EXPIRED = "deadline"


@dataclass(frozen=True)
class Observation:
    """What the controller knows at one tick.

    now: epoch seconds; verdict: None where nothing could be judged yet; served: the candidate's
    finished requests since the present step began; account: the numbers behind the verdict, as
    plain JSON, made only when they are recorded. memory: how short of memory the candidate's app is
    (rollout/verdict/memory_errors.py); no_room: what it sheds; rate_not_shown: which rate it has
    shown, where that is not enough (rollout/verdict/capacity.py). Each is empty where it is not
    so. was_away: whether its process could not be asked a short time ago."""

    now: float
    verdict: Verdict | None
    served: int
    account: Callable[[], dict[str, Any]] | None = None
    memory: str = ""
    no_room: str = ""
    rate_not_shown: str = ""
    was_away: bool = False


def next_move(ledger: Ledger, seen: Observation) -> RecordRevision | None:
    """The next act of a rollout that is judged; None where there is nothing to do now."""
    rollout = ledger.rollout
    if rollout is None or rollout.policy is None:
        return None

    verdict = seen.verdict
    if verdict is not None and verdict.word == "fail":
        return _with_account(
            _rolled_back(ledger, rollout, ", ".join(map(title_of, verdict.because))), seen
        )
    if rollout.paused:
        return None

    reasons = _reasons_to_hold(rollout, seen)
    if EXPIRED in reasons and rollout.policy.undecided == "rollback":
        return _with_account(_rolled_back(ledger, rollout, "undecided at its deadline"), seen)
    if reasons:
        return _with_account(_held(ledger, rollout, reasons, seen), seen)
    if rollout.held:
        return None

    record = _MOVES[strategy(rollout.strategy).ends](ledger, rollout, seen)
    if record is None:
        return None
    return _with_account(record, seen)


def flagged(ledger: Ledger, because: str, account: dict[str, Any]) -> RecordRevision:
    """Late labels are evidence against a version that is released already: a person decides."""
    marked = replace(replace(ledger, flagged=True).next(), verdict=account)
    return RecordRevision(marked, "flag", f"{ledger.released}: {because}", f"{COMMAND} rollback")


def _reasons_to_hold(rollout: Rollout, seen: Observation) -> tuple[str, ...]:
    """New reasons: not those it is held for already, nor those a person has accepted."""
    known = {*rollout.held, *rollout.accepted}
    return tuple(reason for reason in _all_reasons(rollout, seen) if reason not in known)


def _all_reasons(rollout: Rollout, seen: Observation) -> Iterator[str]:
    verdict, policy = seen.verdict, rollout.policy
    if verdict is not None and verdict.word in ("hold", "invalid"):
        yield from verdict.because

    if seen.memory:
        yield MEMORY

    if seen.no_room:
        yield CAPACITY

    decided_by_person = strategy(rollout.strategy).ends == "person"
    late = policy is not None and seen.now - rollout.started_at >= policy.deadline_s
    if late and not decided_by_person:
        yield EXPIRED


def _by_proof(ledger: Ledger, rollout: Rollout, seen: Observation) -> RecordRevision | None:
    verdict = seen.verdict
    if verdict is None:
        return None
    # A proof excludes the margin only: a difference between tolerance and margin must not be
    # released while there is evidence of it.
    if not _stood(rollout, seen) or verdict.against >= SILENCE or seen.was_away:
        return None
    if rollout.step == len(rollout.steps) - 1:
        waits = _lacks_capacity(rollout, seen) or verdict.doubts(rollout.accepted)
        if _passed(verdict, rollout) and not waits:
            return _released(ledger, rollout, "proved")
        return None

    return step_of(ledger, seen.now)


def needs_capacity(ledger: Ledger, rollout: Rollout) -> bool:
    """Whether the candidate is to show now that it carries all requests: before a release on proof,
    at a share of them, where copies change nothing.
    """
    if rollout.policy is None or strategy(rollout.strategy).ends != "proof":
        return False
    if rollout.step < len(rollout.steps) - 1:
        return False
    return not versions_with_side_effects(ledger, (rollout.candidate, rollout.stable))


def _lacks_capacity(rollout: Rollout, seen: Observation) -> bool:
    return bool(seen.rate_not_shown) and CAPACITY not in rollout.accepted


def _stood(rollout: Rollout, seen: Observation) -> bool:
    """Whether this step was held long enough, and enough requests met it; the last has the time of
    those before it.
    """
    policy = rollout.policy
    hold = rollout.steps[rollout.step].hold_s or max(
        (step.hold_s or 0.0 for step in rollout.steps), default=0.0
    )
    waited = seen.now - rollout.step_since + rollout.held_s >= hold
    return waited and policy is not None and seen.served >= policy.step_requests


def _by_clock(ledger: Ledger, rollout: Rollout, seen: Observation) -> RecordRevision | None:
    due = rollout.due_at()
    if due is None or seen.now < due:
        return None
    return step_of(ledger, seen.now)


def _by_watch(ledger: Ledger, rollout: Rollout, seen: Observation) -> RecordRevision | None:
    due = rollout.due_at()
    watched = due is not None and seen.now >= due
    if watched and _passed(seen.verdict, rollout):
        return _released(ledger, rollout, "proved")
    return None


def _by_pairs(ledger: Ledger, rollout: Rollout, seen: Observation) -> RecordRevision | None:
    if not _passed(seen.verdict, rollout):
        return None

    candidate, after = rollout.candidate, transitions.ended(ledger, rollout)
    summary = f"{candidate} agrees with {rollout.stable}: the shadow is over, no user has met it"
    return RecordRevision(after.next(), "end", summary, f"{COMMAND} shadow {candidate}")


def _by_person(_ledger: Ledger, _rollout: Rollout, _seen: Observation) -> RecordRevision | None:
    return None


_MOVES = {
    "proof": _by_proof,
    "clock": _by_clock,
    "watch": _by_watch,
    "pairs": _by_pairs,
    "person": _by_person,
}


def _passed(verdict: Verdict | None, rollout: Rollout) -> bool:
    """Whether it is proved; what a person accepted does not stand in the way."""
    if verdict is None:
        return False
    if verdict.word in ("hold", "invalid"):
        return verdict.proved and set(verdict.because) <= {*rollout.accepted}
    return verdict.word == "pass"


def _released(ledger: Ledger, rollout: Rollout, why: str) -> RecordRevision:
    after = transitions.released(ledger, rollout.candidate)
    summary = f"{rollout.candidate} released: {why}"
    return RecordRevision(after.next(), "promote", summary, f"{COMMAND} rollback")


def _rolled_back(ledger: Ledger, rollout: Rollout, because: str) -> RecordRevision:
    share = ledger.weight(rollout.candidate)
    was = f"{share / 100:g} %" if share < ALL else "all traffic"
    summary = f"from {rollout.candidate} ({was}) to {rollout.stable}: {because}"
    undo = f"{COMMAND} {command_of(rollout, ledger)}"
    return RecordRevision(transitions.ended(ledger, rollout).next(), "rollback", summary, undo)


def _held(
    ledger: Ledger, rollout: Rollout, reasons: tuple[str, ...], seen: Observation
) -> RecordRevision:
    held = replace(ledger, rollout=replace(rollout, held=(*rollout.held, *reasons)))
    titles = ", ".join(_reason_text(reason, seen) for reason in reasons)
    summary = f"{rollout.strategy} of {rollout.candidate} on hold: {titles}"
    return RecordRevision(held.next(), "hold", summary, f"{COMMAND} resume")


def _reason_text(reason: str, seen: Observation) -> str:
    detail = {MEMORY: seen.memory, CAPACITY: seen.no_room}.get(reason, "")
    if detail:
        return f"{reason} ({detail})"
    return title_of(reason)


def _with_account(record: RecordRevision, seen: Observation) -> RecordRevision:
    """The record with the numbers behind it."""
    if seen.account is None:
        return record
    return replace(record, ledger=replace(record.ledger, verdict=seen.account()))
