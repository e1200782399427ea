"""The verdict on a rollout's evidence. Pure: no clock, no chance; the caller decides when to ask
and keeps what was decided.

Rollback: the weighted mean of the signals' capitals reaches 1/alpha. Valid whatever the signals
have to do with each other (Vovk & Wang, E-values, 2021). Promotion: every required signal has its
own proof at 1/beta; all must hold, so no correction is needed. Anything else is undecided: missing
evidence is never a pass."""

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from rollout.state.policy import Policy, SignalPolicy
from rollout.verdict.baseline import Reference
from rollout.verdict.breaker import BREAKER
from rollout.verdict.evidence import Evidence
from rollout.verdict.sequential import Array, log_ratio, weighted
from rollout.verdict.signals.prediction import PREDICTION, lacks_relation
from rollout.verdict.signals.registry import SIGNALS

RESTARTS = tuple(250 * 2**k for k in range(9))
"""A fault that sets in late meets capital which the healthy time has eaten, so some is kept back: a
part of it is first staked when the candidate has served so many requests."""
AT_START = 0.8
SILENCE = math.log(2)
"""A step is taken only while the evidence against the candidate has not doubled."""
GUARD_ALPHA = 0.001
GUARD_LIMIT = math.log(1 / GUARD_ALPHA)
LABELS_OFF = math.log(20)
"""Where labels are not comparable. The promise of the guard is not needed: to judge by the other
signals for a while costs little.
"""
NEVER_REACHED = 1e308
"""Where a signal without a weight decides: a number still, as JSON knows no infinity."""


@dataclass(frozen=True)
class Judged:
    """One signal.

    against, proof: log capitals (proof None where the signal has none); needed: where each decides.
    off: the signal cannot be trusted, and counts neither for nor against the candidate.
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
    sample-ratio guard; proved: every required proof is there, and the recent requests do not look
    worse; breaker: what the breaker has seen, where it has tripped; unrelated: it is not proved
    that answers have something to do with the requests, though pairs could have shown it."""

    word: str
    against: float
    needed: float
    signals: tuple[Judged, ...]
    because: tuple[str, ...] = ()
    ratio: float = 0.0
    proved: bool = False
    breaker: str = ""
    unrelated: bool = False

    def broken(self, breaker: str) -> "Verdict":
        """The verdict with what the breaker has seen, if that is something."""
        if not breaker:
            return self
        return replace(self, word="fail", because=(BREAKER,), breaker=breaker)

    def doubts(self, accepted: Collection[str]) -> tuple[str, ...]:
        """The signals that may hold it and on which the evidence has doubled, or whose answers may
        have nothing to do with the requests: what they find late would come after the release.

        accepted: those that a person lets pass."""
        doubted = []
        for judged in self.signals:
            name = judged.rule.name
            holds = judged.rule.action == "hold" and name not in accepted and not judged.off
            unrelated = self.unrelated and name == PREDICTION
            if holds and (judged.against >= SILENCE or unrelated):
                doubted.append(name)

        return tuple(doubted)


def judge(
    evidence: Evidence, marks: Sequence[Evidence], reference: Reference, policy: Policy
) -> Verdict:
    """The verdict on what was counted up to now.

    marks: the evidence as it was when the candidate had served RESTARTS[0], RESTARTS[1], ...
    requests."""
    periods = evidence.periods(marks)
    off = _kinds_off(periods)
    capitals = {}
    signals = []
    for rule in policy.rules:
        if rule.name in off and not periods.paired().any():
            signals.append(_silent(rule, policy))
            continue

        capital = SIGNALS[rule.name].against(rule, periods, reference)
        proved = proof(rule, periods, reference)
        if rule.name in off:
            rest = periods.without(*off)
            capital = np.minimum(capital, SIGNALS[rule.name].against(rule, rest, reference))
            proved = _smaller(proved, proof(rule, rest, reference))

        capitals[rule.name] = np.broadcast_to(capital, 1 + len(marks))
        signals.append(_judged(rule, staked(capitals[rule.name]), proved, policy))

    total = together(signals)
    needed = math.log(1 / policy.alpha)
    ratio = _of_all(guard(periods))
    complete = _proved(signals) and _recent_look_fine(capitals, policy)
    word, because = _word(signals, total >= needed, ratio, complete)
    unrelated = lacks_relation(evidence, policy.beta)
    return Verdict(
        word, total, needed, tuple(signals), because, ratio, complete, unrelated=unrelated
    )


def _kinds_off(periods: Evidence) -> tuple[str, ...]:
    """Kinds of drawn requests' counts, by the name of their signal too, that are not comparable.

    Who predicted may decide which labels are sent, or who sends them: no reason to hold the rest.
    Pairs of answers to one request stay comparable: what drawn requests won then counts for
    nothing, and what they lost stays lost, so that the capital is never above the one that is fair.
    """
    # Of all periods: a gap may begin late.
    if np.max(label_guard(periods)) >= LABELS_OFF:
        return ("labels",)
    return ()


def _smaller(first: Array | None, second: Array | None) -> Array | None:
    if first is None or second is None:
        return None
    return np.minimum(first, second)


def together(signals: Sequence[Judged]) -> float:
    """Log of the weighted mean of the capitals that may roll back; what no signal stakes stays as
    it is.
    """
    parts = [(s.rule.weight, s.against) for s in signals if s.rule.action == "rollback"]
    return float(weighted([*parts, _unstaked(parts)]))


def against(rule: SignalPolicy, periods: Sequence[Evidence], reference: Reference) -> Array:
    """Log capital of a signal. periods: the whole evidence, then what came since each mark."""
    signal = SIGNALS[rule.name]
    return staked([signal.against(rule, period, reference) for period in periods])


def staked(capitals: Array) -> Array:
    """Log capital of who stakes most from the start, the rest from each restart on. capitals: one a
    period.
    """
    at_restart = (1 - AT_START) / len(RESTARTS)
    parts = [(AT_START, capitals[0])]
    for capital in capitals[1:]:
        parts.append((at_restart, capital))

    return weighted([*parts, _unstaked(parts)])


def _unstaked(parts: Sequence[tuple[float, Array]]) -> tuple[float, Array]:
    """The part of the capital that nobody bets with: it stays 1, whose log is 0."""
    return max(0.0, 1 - sum(weight for weight, _ in parts)), 0.0


def proof(rule: SignalPolicy, evidence: Evidence, reference: Reference) -> Array | None:
    """Log capital of who bets that the candidate is inside the margin; None where a signal has no
    proof.
    """
    if rule.margin > 0:
        return SIGNALS[rule.name].proof(rule, evidence, reference)
    return None


def guard(evidence: Evidence) -> Array:
    """Log capital of who bets half of it that the candidate did not get its share of the
    requests.
    """
    return weighted([(0.5, log_ratio(evidence.drawn("drawn"))), (0.5, 0.0)])


def label_guard(evidence: Evidence) -> Array:
    """Log capital of who bets all of it on the same of the labels, which anybody sends for those
    predictions they choose.
    """
    return log_ratio(evidence.drawn("labels"))


def margin_of(rule: SignalPolicy, reference: Reference) -> float:
    """The margin in force: for errors at least the stable version's own rate."""
    return SIGNALS[rule.name].margin(rule, reference)


def _judged(rule: SignalPolicy, capital: Array, proved: Array | None, policy: Policy) -> Judged:
    needed = math.log(1 / (policy.alpha * rule.weight)) if rule.weight > 0 else NEVER_REACHED
    log_proof = None if proved is None else _of_all(proved)
    return Judged(rule, float(capital), needed, log_proof, math.log(1 / policy.beta))


def _silent(rule: SignalPolicy, policy: Policy) -> Judged:
    """A signal that is off: nothing was won or lost on it, and nothing is proved."""
    return replace(_judged(rule, 0.0, None, policy), off=True)


def _of_all(capitals: Array) -> float:
    """Of the capitals of all periods that of the whole evidence; where nothing was counted they are
    one number.
    """
    return float(np.ravel(capitals)[0])


def _recent_look_fine(capitals: Mapping[str, Array], policy: Policy) -> bool:
    """Whether the newest period is no evidence against the candidate: a proof speaks of some time,
    not of all times.
    """
    for rule in policy.rules:
        acts = rule.action == "rollback" and rule.weight > 0 and rule.name in capitals
        if acts and float(capitals[rule.name][-1]) >= math.log(1 / policy.beta):
            return False

    return True


def _proved(signals: Sequence[Judged]) -> bool:
    required = _required(signals)
    return bool(required) and not _unproved(required)


def _required(signals: Sequence[Judged]) -> list[Judged]:
    return [signal for signal in signals if signal.rule.required]


def _unproved(signals: Sequence[Judged]) -> list[Judged]:
    return [signal for signal in signals if not signal.certified]


def _names(signals: Sequence[Judged]) -> tuple[str, ...]:
    return tuple(signal.rule.name for signal in signals)


def _word(
    signals: Sequence[Judged], failed: bool, ratio: float, proved: bool
) -> tuple[str, tuple[str, ...]]:
    if failed:
        return "fail", _worse(signals, "rollback") or ("combined evidence",)

    held = _worse(signals, "hold")
    if ratio >= GUARD_LIMIT:
        return "invalid", ("sample ratio", *held)
    if held:
        return "hold", held

    required = _required(signals)
    if proved:
        return "pass", _names(required)
    return "undecided", _names(_unproved(required))


def _worse(signals: Sequence[Judged], action: str) -> tuple[str, ...]:
    """The signals with this action that alone are enough."""
    return _names([s for s in signals if s.worse and s.rule.action == action])
