"""A verdict with its numbers, as plain JSON: what `status`, `watch` and `explain` show, and what
the ledger keeps.

It takes longer than the verdict itself (intervals and estimates), so it is made when somebody
looks, not each second. Of a signal, `band` is the interval of the difference with its estimate in
the middle, `tolerance` the difference that is no evidence yet, and `limit` the one that its proof
has to exclude: of rates, 0.01 is one percentage point. Its keys are a contract: ledgers of earlier
versions lack the newer ones."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from rollout.state.ledger import Rollout
from rollout.state.policy import Policy, SignalPolicy, title_of
from rollout.verdict.arrivals import Arrivals, RecentArrivals, arrivals_of, recent
from rollout.verdict.baseline import Reference
from rollout.verdict.breaker import BREAKER
from rollout.verdict.evidence import Evidence, asked
from rollout.verdict.segments import segment_rows
from rollout.verdict.signals.registry import SIGNALS
from rollout.verdict.signals.signal import SignalInput
from rollout.verdict.verdict import GUARD_LIMIT, Judged, Verdict, judge
from rollout.verdict.words.alarm import alarm, odds, share_of_way
from rollout.verdict.words.phrases import CANDIDATE, COPIES, COUNTED, NEVER, PAIRS, REQUESTS
from rollout.verdict.words.says import Known, level_of, says
from rollout.verdict.words.way import Remaining, remaining

TOGETHER = "combined evidence"


@dataclass(frozen=True)
class JudgingInput:
    """All that a report is made of. weight: basis points of the candidate now; running_s: since
    the rollout began; samples: what had arrived at earlier moments; capacity: which rate the
    candidate has shown, where that is not enough for its release.
    """

    rollout: Rollout
    policy: Policy
    evidence: Evidence
    marks: Sequence[Evidence]
    reference: Reference
    weight: int
    running_s: float
    samples: Sequence[Arrivals] = ()
    capacity: str = ""

    def verdict(self) -> Verdict:
        """The verdict on it."""
        return judge(self.evidence, self.marks, self.reference, self.policy)

    def of_signal(self, rule: SignalPolicy) -> SignalInput:
        """The part of it that one signal's numbers are made of."""
        return SignalInput(rule, self.evidence, self.reference, self.weight, self.policy.beta)

    @cached_property
    def arrivals(self) -> Arrivals:
        """All that has arrived."""
        return arrivals_of(self.evidence, self.running_s)

    @cached_property
    def lately(self) -> RecentArrivals:
        """What arrived in the last minute or minutes."""
        return recent(self.samples, self.arrivals)

    @property
    def exhausted_users(self) -> int:
        """All users whose requests were counted, where no others come any more; else 0."""
        if self.lately.units_are_exhausted:
            return self.arrivals.totals[COUNTED]
        return 0


def account(case: JudgingInput, verdict: Verdict | None = None) -> dict[str, Any]:
    """The whole report of a verdict, by default of the one on this input."""
    verdict = verdict or case.verdict()
    return {
        "word": verdict.word,
        "because": _because(case, verdict),
        "against": verdict.against,
        "needed": verdict.needed,
        "alarm": alarm(verdict.against, verdict.needed, "rollback"),
        "ratio": verdict.ratio,
        "ratio_needed": GUARD_LIMIT,
        "proved": verdict.proved,
        "breaker": _breaker(verdict),
        "capacity": case.capacity,
        "was_away": case.evidence.was_away(case.rollout.started_at + case.running_s),
        "doubts": list(verdict.doubts(case.rollout.accepted)),
        **_counts(case),
        **_progress(case),
        "candidate": case.rollout.candidate,
        "stable": case.rollout.stable,
        "signals": [_line(case, judged) for judged in verdict.signals],
        "segments": segment_rows(case.evidence, case.policy),
    }


def _counts(case: JudgingInput) -> dict[str, Any]:
    """What was counted. requests, candidate_requests: of the coin's finished ones, as they were
    named first; all_requests: None where evidence does not tell them apart.
    """
    evidence, totals = case.evidence, case.arrivals.totals
    candidate = int(evidence.requests(evidence.candidate))
    return {
        "requests": candidate + int(evidence.requests(evidence.stable)),
        "candidate_requests": candidate,
        "all_requests": totals.get(REQUESTS),
        "counted": totals[COUNTED],
        "candidate_counted": totals[CANDIDATE],
        "pairs": totals[PAIRS],
        "copies": totals[COPIES],
        "exhausted_users": case.exhausted_users,
        "recent_s": round(case.lately.window_s, 1),
        "recent": dict(case.lately.arrived),
    }


def _progress(case: JudgingInput) -> dict[str, Any]:
    """Where the rollout stands in its plan. Durations are in seconds, weights in basis points."""
    rollout, policy = case.rollout, case.policy
    later = rollout.steps[rollout.step + 1 :]
    return {
        "running_s": round(case.running_s, 1),
        "weight": case.weight,
        "strategy": rollout.strategy,
        "next_weights": [step.weight for step in later],
        "step_wait_s": _step_wait(case),
        "step_served": _served(case),
        "step_requests": policy.step_requests,
        "deadline_s": policy.deadline_s,
        "undecided": policy.undecided,
        "paused": rollout.paused,
        "held": list(rollout.held),
        "accepted": list(rollout.accepted),
    }


def _step_wait(case: JudgingInput) -> float | None:
    """How long the present step is still held at least; None without steps."""
    rollout = case.rollout
    if not rollout.steps:
        return None

    times = [step.hold_s or 0.0 for step in rollout.steps]
    hold_s = times[rollout.step] or max(times)
    stood_s = rollout.started_at + case.running_s - rollout.step_since + rollout.held_s
    return round(max(0.0, hold_s - stood_s), 1)


def _served(case: JudgingInput) -> int:
    """Requests and copies that the candidate was asked at the present weight."""
    return int(asked(case.evidence.tallies.get((case.rollout.candidate, case.weight), {})))


def _line(case: JudgingInput, judged: Judged) -> dict[str, Any]:
    rule, seen = judged.rule, case.of_signal(judged.rule)
    signal = SIGNALS[rule.name]
    numbers = signal.numbers(seen)
    way = remaining(signal, seen, judged, numbers, case.lately)
    known = Known(numbers.has_counts, _users(case, way), case.lately, way)
    return {
        "name": rule.name,
        "action": rule.action,
        "required": rule.required,
        "weight": rule.weight,
        "candidate": numbers.candidate,
        "stable": numbers.stable,
        "difference": numbers.difference,
        "band": numbers.band and list(numbers.band),
        "tolerance": rule.tolerance if numbers.tolerance is None else numbers.tolerance,
        "limit": signal.margin(rule, case.reference),
        "against": judged.against,
        "against_needed": judged.against_needed,
        "alarm": level_of(judged, numbers.has_counts),
        **_proof(judged),
        "margin": signal.margin_text(seen),
        **_missing(way),
        "says": says(judged, known),
    }


def _users(case: JudgingInput, way: Remaining | None) -> int:
    """The exhausted users, where this proof is made of the coin or of pairs."""
    if way is None or way.unit not in (COUNTED, PAIRS):
        return 0
    return case.exhausted_users


def _proof(judged: Judged) -> dict[str, Any]:
    """proof_share: of the way to the proof, in percent."""
    if judged.proof is None:
        return {"proof": None, "proof_needed": None, "proof_share": None}

    share = share_of_way(judged.proof, judged.proof_needed)
    return {"proof": judged.proof, "proof_needed": judged.proof_needed, "proof_share": share}


def _missing(way: Remaining | None) -> dict[str, Any]:
    """more, more_90: how many more counts half of the rollouts and 9 in 10 need; more_of: of what;
    more_s, more_90_s: how long that takes at the recent rate.
    """
    if way is None:
        return dict.fromkeys(("more", "more_90", "more_of", "per_s", "more_s", "more_90_s"))

    return {
        "more": _finite(way.half),
        "more_90": _finite(way.most),
        "more_of": way.unit,
        "per_s": way.per_s,
        "more_s": way.seconds(way.half),
        "more_90_s": way.seconds(way.most),
    }


def _finite(value: float) -> float | str:
    if value == math.inf:
        return NEVER
    return round(value)


def _because(case: JudgingInput, verdict: Verdict) -> str:
    """One sentence for the word."""
    candidate = case.rollout.candidate
    if breaker := _breaker(verdict):
        return f"{candidate} does not answer: {breaker}"
    if verdict.word == "fail":
        return _because_it_fails(case, verdict)

    if verdict.word == "invalid":
        return (
            f"{candidate} did not get its share of the requests, so nothing else may be concluded"
        )

    accepted = set(verdict.because) <= {*case.rollout.accepted}
    if verdict.word == "hold" and verdict.proved and accepted:
        return f"proved; the difference in {_titles(verdict)} was accepted by a person"
    if verdict.word == "hold":
        return f"{_titles(verdict)} of {candidate} differ: a person should look before it goes on"

    if verdict.word == "pass":
        return f"{_titles(verdict)} of {candidate} proved to be within the margins"
    if verdict.because:
        return f"not yet: {_titles(verdict)} not proved"

    if verdict.proved or any(judged.rule.required for judged in verdict.signals):
        return "not yet: proved, but its recent requests look worse"
    return "no alarm acts, and nothing has to be proved"


def _breaker(verdict: Verdict) -> str:
    """What the breaker has seen; of one that tripped before, only that it did."""
    if BREAKER in verdict.because:
        return verdict.breaker or "the breaker tripped before"
    return ""


def _because_it_fails(case: JudgingInput, verdict: Verdict) -> str:
    candidate, faults = case.rollout.candidate, list(_faults(case, verdict))
    if not faults and TOGETHER not in verdict.because:
        return f"{candidate} is worse: {_titles(verdict)}"

    alarm_rate = f"false alarm at most {100 * case.policy.alpha:g} % over the whole rollout"
    together = f"all signals together (odds {odds(verdict.against)})"
    return f"{candidate} is worse: {'; '.join(faults) or together} ({alarm_rate})"


def _titles(verdict: Verdict) -> str:
    return ", ".join(map(title_of, verdict.because))


def _faults(case: JudgingInput, verdict: Verdict) -> Iterator[str]:
    for judged in verdict.signals:
        if judged.rule.name in verdict.because:
            fault = SIGNALS[judged.rule.name].fault(case.of_signal(judged.rule))
            earlier = "" if judged.worse else "found earlier; now "
            reached, needed = odds(judged.against), odds(judged.against_needed)
            yield f"{fault} ({earlier}odds {reached}, acts at {needed})"
