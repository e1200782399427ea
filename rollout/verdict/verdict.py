"""Evidence in, verdict out. Pure: no clock, no chance; who latches a verdict and when it is asked
lies with the caller.

Rollback: the weighted mean of the signals' capitals reaches 1/alpha. Valid whatever the signals
have to do with each other (Vovk & Wang, E-values, 2021). Promotion: every required signal has its
own proof at 1/beta; all must hold, so no correction is needed. Anything else is undecided: missing
evidence is never a pass."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import reduce

import numpy as np

from rollout.state.policy import PROVABLE, Policy, SignalPolicy
from rollout.verdict.baseline import Reference
from rollout.verdict.bins import ratio_bins, ratio_bins_within, slower_bin
from rollout.verdict.evidence import LABEL_LEVELS, Evidence
from rollout.verdict.sequential import (
    Array,
    log_against,
    log_discordant,
    log_paired,
    log_paired_proof,
    log_proof,
    log_ratio,
)

RESTARTS = tuple(250 * 2**k for k in range(9))
"""A fault that sets in late meets capital which the healthy time has eaten, so some is kept back: a
part of it is first staked when the candidate has served so many requests."""
AT_START = 0.8
GUARD_ALPHA = 0.001
GUARD_LIMIT = math.log(1 / GUARD_ALPHA)
NEVER_REACHED = 1e308
"""Where a signal without a weight decides: a number still, as JSON knows no infinity."""


@dataclass(frozen=True)
class Judged:
    """One signal. against, proof: log capitals (proof None where the signal has none); needed:
    where each decides. off: it may not be believed, and says nothing either way.
    """

    rule: SignalPolicy
    against: float
    against_needed: float
    proof: float | None
    proof_needed: float
    off: bool = False

    @property
    def worse(self) -> bool:
        """Whether this signal alone is enough."""
        return self.against >= self.against_needed

    @property
    def certified(self) -> bool:
        """Whether its proof is there."""
        return self.proof is not None and self.proof >= self.proof_needed


@dataclass(frozen=True)
class Verdict:
    """What is decided, and on what.

    word: "pass", "fail", "hold", "invalid" or "undecided"; against: log of the weighted mean of the
    capitals; needed: where it decides; because: the signals that do; ratio: log capital of the
    sample-ratio guard; proved: every required proof is there, and the newest requests do not speak
    against it."""

    word: str
    against: float
    needed: float
    signals: tuple[Judged, ...]
    because: tuple[str, ...] = ()
    ratio: float = 0.0
    proved: bool = False


def judge(
    evidence: Evidence, marks: Sequence[Evidence], reference: Reference, policy: Policy
) -> Verdict:
    """The verdict on what was counted up to now.

    marks: the evidence as it was when the candidate had served RESTARTS[0], RESTARTS[1], ...
    requests."""
    periods = evidence.periods(marks)
    # Who predicted may decide which labels are sent, or who sends them: no reason to hold the rest.
    off = ("labels",) if _of_all(label_guard(periods)) >= GUARD_LIMIT else ()
    capitals = {
        rule.name: np.broadcast_to(AGAINST[rule.name](rule, periods, reference), 1 + len(marks))
        for rule in policy.rules
        if rule.name not in off
    }
    signals = tuple(
        _silent(rule, policy)
        if rule.name in off
        else _judged(rule, staked(capitals[rule.name]), proof(rule, periods, reference), policy)
        for rule in policy.rules
    )
    total = together(signals)
    needed = math.log(1 / policy.alpha)
    ratio = _of_all(guard(periods))
    proved = _proved(signals) and _quiet(capitals, policy)
    word, because = _word(signals, total >= needed, ratio, proved)
    return Verdict(word, total, needed, signals, because, ratio, proved)


def together(signals: Sequence[Judged]) -> float:
    """Log of the weighted mean of the capitals that may roll back; what no signal stakes stays as
    it is.
    """
    staked = [(s.rule.weight, s.against) for s in signals if s.rule.action == "rollback"]
    return float(weighted([*staked, (max(0.0, 1 - sum(weight for weight, _ in staked)), 0.0)]))


def weighted(capitals: Sequence[tuple[float, Array]]) -> Array:
    """Log of a weighted sum of capitals given as logs."""
    logs = [log + math.log(weight) for weight, log in capitals if weight > 0]
    if logs:
        return reduce(np.logaddexp, logs)
    return 0.0


def against(rule: SignalPolicy, periods: Sequence[Evidence], reference: Reference) -> Array:
    """Log capital of a signal. periods: the whole evidence, then what came since each mark."""
    return staked([AGAINST[rule.name](rule, period, reference) for period in periods])


def staked(capitals: Array) -> Array:
    """Log capital of who stakes most from the start, the rest from each restart on. capitals: one a
    period.
    """
    kept = (1 - AT_START) / len(RESTARTS)
    parts = [(AT_START, capitals[0]), *((kept, capital) for capital in capitals[1:])]
    unstaked = 1 - sum(weight for weight, _ in parts)
    return weighted([*parts, (max(0.0, unstaked), 0.0)])


def proof(rule: SignalPolicy, evidence: Evidence, reference: Reference) -> Array | None:
    """Log capital of who bets that the candidate is inside the margin; None where a signal has no
    proof.
    """
    bet = PROOF.get(rule.name)
    if bet is not None and rule.margin > 0:
        return bet(rule, evidence, reference)
    return None


def guard(evidence: Evidence) -> Array:
    """Log capital of who bets half of it that the candidate did not get its share of the requests.

    The other half is that of `label_guard`: both together are wrong as rarely as GUARD_ALPHA says.
    """
    return weighted([(0.5, log_ratio(evidence.drawn("drawn"))), (0.5, 0.0)])


def label_guard(evidence: Evidence) -> Array:
    """The same of the labels, which anybody sends for those predictions they choose."""
    return weighted([(0.5, log_ratio(evidence.drawn("labels"))), (0.5, 0.0)])


def margin_of(rule: SignalPolicy, reference: Reference) -> float:
    """The margin in force: for errors at least the stable version's own rate."""
    if rule.name == "errors":
        return max(rule.margin, reference.errors)
    return rule.margin


def _judged(rule: SignalPolicy, capital: Array, proved: Array | None, policy: Policy) -> Judged:
    return Judged(
        rule,
        float(capital),
        math.log(1 / (policy.alpha * rule.weight)) if rule.weight > 0 else NEVER_REACHED,
        None if proved is None else _of_all(proved),
        math.log(1 / policy.beta),
    )


def _silent(rule: SignalPolicy, policy: Policy) -> Judged:
    """A signal that is off: nothing was won or lost on it, and nothing is proved."""
    return replace(_judged(rule, 0.0, None, policy), off=True)


def _of_all(capitals: Array) -> float:
    """Of the capitals of all periods that of the whole evidence; where nothing was counted they are
    one number.
    """
    return float(np.ravel(capitals)[0])


def _quiet(capitals: Mapping[str, Array], policy: Policy) -> bool:
    """Whether the newest period says nothing against the candidate: a proof speaks of some time,
    not of all times.
    """
    rollback = {rule.name for rule in policy.rules if rule.action == "rollback" and rule.weight > 0}
    newest = [float(capitals[name][-1]) for name in rollback & set(capitals)]
    return all(capital < math.log(1 / policy.beta) for capital in newest)


def _proved(signals: Sequence[Judged]) -> bool:
    required = [s for s in signals if s.rule.required]
    return bool(required) and all(s.certified for s in required)


def _word(
    signals: Sequence[Judged], failed: bool, ratio: float, proved: bool
) -> tuple[str, tuple[str, ...]]:
    if failed:
        blamed = tuple(s.rule.name for s in signals if s.worse and s.rule.action == "rollback")
        return "fail", blamed or ("combined evidence",)

    held = tuple(s.rule.name for s in signals if s.worse and s.rule.action == "hold")
    if ratio >= GUARD_LIMIT:
        return "invalid", ("sample ratio", *held)
    if held:
        return "hold", held

    required = [s for s in signals if s.rule.required]
    if proved:
        return "pass", tuple(s.rule.name for s in required)

    return "undecided", tuple(s.rule.name for s in required if not s.certified)


def _errors(rule: SignalPolicy, evidence: Evidence, reference: Reference) -> Array:
    tables = evidence.errors()
    drawn = log_against(tables, reference.errors, 1.0, rule.tolerance)
    # Pairs are counted only while there is nothing to draw, so both are bets on requests of their
    # own.
    pairs = evidence.of(evidence.candidate, "answers")
    return drawn + log_discordant(pairs.get("candidate failed", 0), pairs.get("stable failed", 0))


def _errors_proof(rule: SignalPolicy, evidence: Evidence, reference: Reference) -> Array:
    margin = margin_of(rule, reference)
    drawn = log_proof(evidence.errors(), reference.errors, 1.0, margin)
    pairs = evidence.of(evidence.candidate, "answers")
    counts = [pairs.get(word, 0) for word in ("stable failed", "both", "candidate failed")]
    return drawn + log_paired_proof(np.stack(np.broadcast_arrays(*counts), -1), margin)


def _refusals(rule: SignalPolicy, evidence: Evidence, reference: Reference) -> Array:
    return log_against(evidence.refusals(), reference.refused, 1.0, rule.tolerance)


def _refusals_proof(rule: SignalPolicy, evidence: Evidence, reference: Reference) -> Array:
    return log_proof(evidence.refusals(), reference.refused, 1.0, rule.margin)


def _latency(rule: SignalPolicy, evidence: Evidence, _reference: Reference) -> Array:
    """If the candidate usually took (1 + tolerance) times as long, longer and shorter than that
    were as likely.

    The usual time only: a rare long one comes as well from a process that is idle, as a candidate's
    is at a small weight. What users wait is what `wait` looks at. One half of the capital is on
    processor time, one on the clock's."""
    edge = ratio_bins(1 + rule.tolerance)
    compared = (
        evidence.sides("timing", edge),
        evidence.near_half(rule.share_tolerance).sides("elapsed", edge),
    )
    return weighted([(0.5, log_discordant(sides[..., 1], sides[..., 0])) for sides in compared])


def _latency_proof(rule: SignalPolicy, evidence: Evidence, _reference: Reference) -> Array:
    sides = evidence.sides("timing", ratio_bins_within(1 + rule.margin))
    return log_discordant(sides[..., 0], sides[..., 1])


def _wait(rule: SignalPolicy, evidence: Evidence, reference: Reference) -> Array:
    """Only at equal shares: a smaller one has smaller batches and an idle process, and looks fast
    or slow for that.
    """
    fair, capitals = evidence.near_half(rule.share_tolerance), []
    for threshold, rate in reference.waits:
        slower = slower_bin(threshold, 1 + rule.tolerance, rule.overhead_ms)
        capitals.append(log_against(fair.above("waits", slower, threshold), rate))
    return weighted([(1 / len(capitals), capital) for capital in capitals])


def _prediction(rule: SignalPolicy, evidence: Evidence, reference: Reference) -> Array:
    """Both directions of every class, or of every decile of a value."""
    shares = [(evidence.tables("classes", [name]), share) for name, share in reference.classes]
    shares += [(evidence.above("values", edge, edge), share) for edge, share in reference.values]
    capitals = []
    for tables, share in shares:
        capitals.append(log_against(tables, share, 1.0, rule.tolerance))
        turned = {at: table[..., ::-1] for at, table in tables.items()}
        capitals.append(log_against(turned, 1 - share, 1.0, rule.tolerance))

    return weighted([(1 / len(capitals), capital) for capital in capitals])


def _labels(rule: SignalPolicy, evidence: Evidence, reference: Reference) -> Array:
    drawn = log_against(
        evidence.levels("labels", LABEL_LEVELS), reference.loss, 1.0, rule.tolerance
    )
    # A shadow's pairs are of requests that no coin drew, so both are bets on labels of their own.
    return drawn + log_paired(evidence.paired(), rule.tolerance)


def _labels_proof(rule: SignalPolicy, evidence: Evidence, reference: Reference) -> Array:
    drawn = log_proof(evidence.levels("labels", LABEL_LEVELS), reference.loss, 1.0, rule.margin)
    return drawn + log_paired_proof(evidence.paired(), rule.margin)


def _agreement(rule: SignalPolicy, evidence: Evidence, reference: Reference) -> Array:
    return log_against(evidence.copies(), reference.noise, 1.0, rule.tolerance)


def _agreement_proof(rule: SignalPolicy, evidence: Evidence, reference: Reference) -> Array:
    return log_proof(evidence.copies(), reference.noise, 1.0, rule.margin)


Bet = Callable[[SignalPolicy, Evidence, Reference], Array]
AGAINST: Mapping[str, Bet] = {
    "errors": _errors,
    "refusals": _refusals,
    "latency": _latency,
    "wait": _wait,
    "prediction": _prediction,
    "labels": _labels,
    "agreement": _agreement,
}
PROOF: Mapping[str, Bet] = {
    "errors": _errors_proof,
    "refusals": _refusals_proof,
    "latency": _latency_proof,
    "labels": _labels_proof,
    "agreement": _agreement_proof,
}
assert tuple(PROOF) == PROVABLE
