"""A verdict with its numbers, as plain JSON: what `status`, `watch` and `explain` show, and what
the ledger keeps.

Dearer than the verdict itself (intervals and estimates), so it is made when somebody looks, not
each second."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rollout.plurals import counted
from rollout.state.ledger import Rollout
from rollout.state.policy import Policy, title_of
from rollout.state.split import ALL
from rollout.verdict.baseline import Reference
from rollout.verdict.bins import bin_edge_ms, ratio_bins_within, ratio_of
from rollout.verdict.evidence import LABEL_LEVELS, Evidence
from rollout.verdict.sequential import (
    NATS_OF_NOT_KNOWING,
    Tables,
    interval,
    interval_paired,
    means,
    pairs_to_proof,
    requests_to_proof,
)
from rollout.verdict.verdict import Judged, Verdict, judge, margin_of

NEVER = "never"
NO_DATA = "no data yet"
AT_HALF = "compared at 50 %"
OFF = "off: labels came for one version more than for the other"


@dataclass(frozen=True)
class JudgingInput:
    """All that an account is made of. weight: basis points of the candidate now; running_s: since
    it began.
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


def account(case: JudgingInput, verdict: Verdict | None = None) -> dict[str, Any]:
    """The whole account of a case."""
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
    }


def _line(case: JudgingInput, judged: Judged, requests: int) -> dict[str, Any]:
    rule = judged.rule
    numbers = _NUMBERS[rule.name](case, judged)
    half, most = _more(case, judged, numbers.share, 0.5), _more(case, judged, numbers.share, 0.9)
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
        "margin": _MARGINS[rule.name](case, judged),
        "more": _finite(half),
        "more_90": _finite(most),
        "says": _says(case, judged, numbers, half, most, requests),
    }


@dataclass(frozen=True)
class VerdictReport:
    """One line's numbers in words. share: at which its proof grows now (None: not by requests);
    unit: of its counts.
    """

    candidate: str = "-"
    stable: str = "-"
    difference: str = NO_DATA
    share: float | None = None
    unit: str = ""

    @property
    def there(self) -> bool:
        """Whether anything was counted."""
        return self.difference not in (NO_DATA, AT_HALF)


def _rates(
    tables: Tables, centre: float, share: float | None, shown: Callable[[float], str]
) -> VerdictReport:
    if not tables:
        return VerdictReport(share=share)

    mine, theirs = means(sum(tables.values()))
    return VerdictReport(
        shown(float(mine)), shown(float(theirs)), _spread(*interval(tables, centre)), share
    )


def _spread(low: float, estimate: float, high: float) -> str:
    return f"{100 * estimate:+.2f} pp [{100 * low:+.2f}, {100 * high:+.2f}]"


def _percent(rate: float) -> str:
    return f"{100 * rate:.2f} %"


def _drawn_share(case: JudgingInput) -> float | None:
    if 0 < case.weight < ALL:
        return case.weight / ALL
    return None


def _errors(case: JudgingInput, _judged: Judged) -> VerdictReport:
    tables = case.evidence.errors()
    pairs = case.evidence.of(case.evidence.candidate, "answers")
    if not tables and pairs:
        total = sum(pairs.values())
        mine, theirs = (pairs.get(f"{who} failed", 0) for who in ("candidate", "stable"))
        return VerdictReport(f"{mine} failed", f"{theirs} failed", f"of {total} asked of both")

    return _rates(tables, case.reference.errors, _drawn_share(case), _percent)


def _refusals(case: JudgingInput, _judged: Judged) -> VerdictReport:
    tables = case.evidence.refusals()
    return _rates(tables, case.reference.refused, _drawn_share(case), _percent)


def _labels(case: JudgingInput, _judged: Judged) -> VerdictReport:
    tables, pairs = case.evidence.levels("labels", LABEL_LEVELS), case.evidence.paired()
    if not tables and pairs.any():
        worse, better = (
            f"{int(side.sum())} worse" for side in (pairs[LABEL_LEVELS:], pairs[: LABEL_LEVELS - 1])
        )
        spread = f"{_spread(*interval_paired(pairs))} of {int(pairs.sum())} pairs"
        return VerdictReport(worse, better, spread, None, " labels")

    share = _drawn_share(case)
    numbers = _rates(tables, case.reference.loss, share, lambda loss: f"{100 * loss:.1f} % lost")
    return VerdictReport(numbers.candidate, numbers.stable, numbers.difference, share, " labels")


def _latency(case: JudgingInput, judged: Judged) -> VerdictReport:
    bins = case.evidence.of(case.evidence.candidate, "timing")
    total = sum(bins.values())
    if not total:
        return VerdictReport()

    middle, most = (ratio_of(_quantile(bins, q) + 0.5) for q in (0.5, 0.9))
    by_the_clock = case.evidence.near_half(judged.rule.share_tolerance).of(
        case.evidence.candidate, "elapsed"
    )
    clock = (
        f", by the clock x{ratio_of(_quantile(by_the_clock, 0.5) + 0.5):.2f}"
        if by_the_clock
        else ""
    )
    return VerdictReport(
        f"x{middle:.2f}",
        "x1",
        f"{total} batches, 9 in 10 below x{most:.2f}{clock}",
        None,
        " batches",
    )


def _wait(case: JudgingInput, judged: Judged) -> VerdictReport:
    fair = case.evidence.near_half(judged.rule.share_tolerance)
    mine, theirs = (fair.of(version, "waits") for version in (fair.candidate, fair.stable))
    if not mine or not theirs:
        return VerdictReport(difference=AT_HALF)

    a, b = (bin_edge_ms(_quantile(bins, 0.99)) for bins in (mine, theirs))
    return VerdictReport(f"p99 {a:.3g} ms", f"p99 {b:.3g} ms", f"p99 x{a / b:.2f}")


def _prediction(case: JudgingInput, _judged: Judged) -> VerdictReport:
    lines = []
    for name, share in case.reference.classes:
        tables = case.evidence.tables("classes", [name])
        if tables:
            mine, theirs = means(sum(tables.values()))
            lines.append((abs(float(mine - theirs)), f"{name!r}", tables, share))

    for edge, share in case.reference.values:
        tables = case.evidence.above("values", edge, edge)
        if tables:
            mine, theirs = means(sum(tables.values()))
            lines.append((abs(float(mine - theirs)), "high values", tables, share))

    if not lines:
        return VerdictReport()

    _, what, tables, share = max(lines, key=lambda line: line[0])
    return _rates(tables, share, None, lambda rate: f"{what} {100 * rate:.1f} %")


def _agreement(case: JudgingInput, _judged: Judged) -> VerdictReport:
    tables = case.evidence.copies()
    numbers = _rates(tables, case.reference.noise, None, lambda rate: f"{100 * rate:.2f} % differ")
    return VerdictReport(
        numbers.candidate, numbers.stable, numbers.difference, _copies(tables), " copies"
    )


def _copies(tables: Tables) -> float | None:
    return next(iter(tables), None)


_NUMBERS: Mapping[str, Callable[[JudgingInput, Judged], VerdictReport]] = {
    "errors": _errors,
    "refusals": _refusals,
    "latency": _latency,
    "wait": _wait,
    "prediction": _prediction,
    "labels": _labels,
    "agreement": _agreement,
}


def _points(case: JudgingInput, judged: Judged) -> str:
    return f"+{100 * margin_of(judged.rule, case.reference):.3g} pp"


def _times(_case: JudgingInput, judged: Judged) -> str:
    return f"x{1 + judged.rule.margin:.3g}"


def _none(_case: JudgingInput, _judged: Judged) -> str:
    return ""


_MARGINS: Mapping[str, Callable[[JudgingInput, Judged], str]] = {
    "errors": _points,
    "refusals": _points,
    "latency": _times,
    "wait": _none,
    "prediction": _none,
    "labels": _points,
    "agreement": _points,
}
_CENTRES: Mapping[str, Callable[[Reference], float]] = {
    "errors": lambda reference: reference.errors,
    "refusals": lambda reference: reference.refused,
    "labels": lambda reference: reference.loss,
    "agreement": lambda reference: reference.noise,
}


def _more(case: JudgingInput, judged: Judged, share: float | None, quantile: float) -> float | None:
    """How many more until this proof is there, if the versions are alike; None where there is none
    to wait for.
    """
    rule, proof = judged.rule, judged.proof
    if proof is None or judged.certified or not rule.required:
        return None
    if rule.name == "latency":
        return _more_batches(case, judged)

    if share is None:
        pairs = case.evidence.paired()
        paired = rule.name == "labels" and pairs.any()
        if paired:
            return pairs_to_proof(pairs, rule.margin, case.policy.beta, quantile, proof)
        return None

    centre, margin = _CENTRES[rule.name](case.reference), margin_of(rule, case.reference)
    return requests_to_proof(share, centre, margin, case.policy.beta, quantile, proof)


def _more_batches(case: JudgingInput, judged: Judged) -> float | None:
    quick, slow = case.evidence.sides("timing", ratio_bins_within(1 + judged.rule.margin)).tolist()
    if not quick + slow:
        return None

    part = min((quick + 0.5) / (quick + slow + 1), 0.95)
    if part <= 0.5:
        return math.inf

    growth = part * math.log(2 * part) + (1 - part) * math.log(2 * (1 - part))
    return float(
        max(0.0, (judged.proof_needed + NATS_OF_NOT_KNOWING - (judged.proof or 0.0)) / growth)
    )


def _finite(value: float | None) -> float | str | None:
    if value is None:
        return None
    if value == math.inf:
        return NEVER
    return round(value)


def _says(
    case: JudgingInput,
    judged: Judged,
    numbers: VerdictReport,
    half: float | None,
    most: float | None,
    requests: int,
) -> str:
    rule = judged.rule
    if judged.off:
        return OFF
    if judged.worse:
        return {"rollback": "worse", "hold": "differs: hold", "watch": "differs"}[rule.action]
    if not numbers.there:
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

    unit = numbers.unit
    time = _in_time(case, half, requests) if not unit else ""
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


def _quantile(bins: Mapping[str, int], quantile: float) -> int:
    total, reached = sum(bins.values()), 0
    for index in sorted(map(int, bins)):
        reached += bins[str(index)]
        if reached >= quantile * total:
            return index

    return 0


def _because(case: JudgingInput, verdict: Verdict) -> str:
    """One sentence for the word."""
    candidate = case.rollout.candidate
    if verdict.word == "fail":
        alarm = f"false alarm at most {100 * case.policy.alpha:g} % over the whole rollout"
        blamed = [judged for judged in verdict.signals if judged.rule.name in verdict.because]
        told = (
            "; ".join(_blame(case, judged) for judged in blamed)
            or f"evidence {_times_of(verdict.against)} together"
        )
        return f"{candidate} is worse: {told} ({alarm})"

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


def _blame(case: JudgingInput, judged: Judged) -> str:
    numbers = _NUMBERS[judged.rule.name](case, judged)
    evidence = f"evidence {_times_of(judged.against)}, needed {_times_of(judged.against_needed)}"
    if judged.rule.name == "errors":
        counts = case.evidence.of(case.evidence.candidate, "finished")
        failed, total = counts.get("error", 0), counted(sum(counts.values()), "request")
        return (
            f"errors: {failed} of {total} failed, {numbers.stable} on {case.rollout.stable} "
            f"({evidence})"
        )

    return (
        f"{title_of(judged.rule.name)}: {numbers.candidate}, {numbers.stable} on "
        f"{case.rollout.stable} ({evidence})"
    )


def _times_of(logarithm: float) -> str:
    if logarithm > math.log(1e9):
        return ">1e9x"
    return f"{math.exp(logarithm):.3g}x"
