"""A verdict with its numbers, as plain JSON: what `status`, `watch` and `explain` show, and what
the ledger keeps.

It takes longer than the verdict itself (intervals and estimates), so it is made when somebody
looks, not each second."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from rollout.state.ledger import Rollout
from rollout.state.policy import Policy, SignalPolicy, title_of
from rollout.verdict.baseline import Reference
from rollout.verdict.evidence import Evidence
from rollout.verdict.segments import segment_rows
from rollout.verdict.signals.numbers import NO_DATA, SignalNumbers
from rollout.verdict.signals.registry import SIGNALS
from rollout.verdict.signals.signal import SignalInput
from rollout.verdict.verdict import Judged, Verdict, judge

NEVER = "never"
OFF = "off: labels came for one version more than for the other"


@dataclass(frozen=True)
class JudgingInput:
    """All that a report is made of. weight: basis points of the candidate now; running_s: since
    the rollout began.
    """

    rollout: Rollout
    policy: Policy
    evidence: Evidence
    marks: Sequence[Evidence]
    reference: Reference
    weight: int
    running_s: float

    def verdict(self) -> Verdict:
        """The verdict on it."""
        return judge(self.evidence, self.marks, self.reference, self.policy)

    def of_signal(self, rule: SignalPolicy) -> SignalInput:
        """The part of it that one signal's numbers are made of."""
        return SignalInput(rule, self.evidence, self.reference, self.weight, self.policy.beta)


def account(case: JudgingInput, verdict: Verdict | None = None) -> dict[str, Any]:
    """The whole report of a verdict, by default of the one on this input."""
    verdict = verdict or case.verdict()
    candidate = int(case.evidence.requests(case.evidence.candidate))
    requests = candidate + int(case.evidence.requests(case.evidence.stable))
    return {
        "word": verdict.word,
        "because": _because(case, verdict),
        "against": verdict.against,
        "needed": verdict.needed,
        "ratio": verdict.ratio,
        "requests": requests,
        "candidate_requests": candidate,
        "running_s": round(case.running_s, 1),
        "weight": case.weight,
        "candidate": case.rollout.candidate,
        "stable": case.rollout.stable,
        "signals": [_line(case, judged, requests) for judged in verdict.signals],
        "segments": segment_rows(case.evidence, case.policy),
    }


def _line(case: JudgingInput, judged: Judged, requests: int) -> dict[str, Any]:
    rule, seen = judged.rule, case.of_signal(judged.rule)
    signal = SIGNALS[rule.name]
    numbers = signal.numbers(seen)
    half = _more(seen, judged, numbers.share, 0.5)
    most = _more(seen, judged, numbers.share, 0.9)
    return {
        "name": rule.name,
        "action": rule.action,
        "required": rule.required,
        "weight": rule.weight,
        "candidate": numbers.candidate,
        "stable": numbers.stable,
        "difference": numbers.difference,
        "against": judged.against,
        "against_needed": judged.against_needed,
        "proof": judged.proof,
        "proof_needed": judged.proof_needed if judged.proof is not None else None,
        "margin": signal.margin_text(seen),
        "more": _finite(half),
        "more_90": _finite(most),
        "says": _says(case, judged, numbers, half, most, requests),
    }


def _more(seen: SignalInput, judged: Judged, share: float | None, quantile: float) -> float | None:
    """How many more counts until this proof is there, if the versions are alike; None where there
    is none to wait for.
    """
    if judged.proof is None or judged.certified or not judged.rule.required:
        return None
    return SIGNALS[judged.rule.name].more_to_proof(seen, share, quantile, judged.proof)


def _finite(value: float | None) -> float | str | None:
    if value is None:
        return None
    if value == math.inf:
        return NEVER
    return round(value)


def _says(
    case: JudgingInput,
    judged: Judged,
    numbers: SignalNumbers,
    half: float | None,
    most: float | None,
    requests: int,
) -> str:
    rule = judged.rule
    if judged.off:
        return OFF
    if judged.worse:
        return {"rollback": "worse", "hold": "differs: hold", "watch": "differs"}[rule.action]
    if not numbers.has_counts:
        if rule.required:
            return NO_DATA
        return "-"
    if judged.certified:
        return "certified"
    if half is None and rule.required:
        return "not proved yet"
    if half is None:
        if rule.action == "rollback":
            return "ok"
        return f"ok ({rule.action} only)"
    if half == math.inf:
        return "not reachable at this rate"

    unit, time = numbers.unit, ""
    if not unit:
        time = _in_time(case, half, requests)

    return f"about {_short(half)} more{unit} (90 %: {_short(most or half)}){time}"


def _in_time(case: JudgingInput, more: float, requests: int) -> str:
    if not requests or case.running_s <= 0:
        return ""

    minutes = more / (requests / case.running_s) / 60
    if minutes >= 600:
        return f", {minutes / 60:.0f} h"

    if minutes >= 1:
        return f", {minutes:.0f} min"
    return ", under a minute"


def _short(count: float) -> str:
    if count == math.inf:
        return NEVER

    if count < 1000:
        return f"{count:.0f}"
    if count < 1e6:
        return f"{count / 1000:.3g}k"
    return f"{count / 1e6:.3g}M"


def _because(case: JudgingInput, verdict: Verdict) -> str:
    """One sentence for the word."""
    candidate = case.rollout.candidate
    if verdict.breaker:
        return f"{candidate} does not answer: {verdict.breaker}"

    if verdict.word == "fail":
        alarm = f"false alarm at most {100 * case.policy.alpha:g} % over the whole rollout"
        faults = "; ".join(_faults(case, verdict))
        if not faults:
            faults = f"evidence {_times_of(verdict.against)} together"

        return f"{candidate} is worse: {faults} ({alarm})"

    if verdict.word == "invalid":
        return (
            f"{candidate} did not get its share of the requests, so nothing else may be concluded"
        )

    if verdict.word == "hold":
        return f"{_titles(verdict)} of {candidate} differ: a person should look before it goes on"

    if verdict.word == "pass":
        return f"{_titles(verdict)} of {candidate} proved to be within the margins"
    if verdict.because:
        return f"not yet: {_titles(verdict)} not proved"

    required = any(judged.rule.required for judged in verdict.signals)
    if required:
        return "not yet: proved, but its recent requests look worse"
    return "nothing against it"


def _titles(verdict: Verdict) -> str:
    return ", ".join(map(title_of, verdict.because))


def _faults(case: JudgingInput, verdict: Verdict) -> Iterator[str]:
    for judged in verdict.signals:
        if judged.rule.name in verdict.because:
            fault = SIGNALS[judged.rule.name].fault(case.of_signal(judged.rule))
            evidence, needed = _times_of(judged.against), _times_of(judged.against_needed)
            yield f"{fault} (evidence {evidence}, needed {needed})"


def _times_of(logarithm: float) -> str:
    if logarithm > math.log(1e9):
        return ">1e9x"
    return f"{math.exp(logarithm):.3g}x"
