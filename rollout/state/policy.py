"""How a rollout is judged: fixed before it starts, printed, kept in the ledger with it.

`Judging` is the `[verdict]` table of deploy.toml; `policy` makes of it what one strategy goes by.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from types import MappingProxyType
from typing import Any

from rollout.errors import BadSetting
from rollout.state.classes import CLASSIFICATION, Answers
from rollout.state.split import ALL
from rollout.state.strategy import STRATEGIES, Strategy

ACTIONS = ("rollback", "hold", "watch")
AT_DEADLINE = ("hold", "rollback")
ON_CONFLICT = ("supersede", "queue", "refuse")
OF_VALUES = "absolute"
LOSSES = ("wrong", "brier", "log", OF_VALUES)
CLASSES = Answers(CLASSIFICATION)
NO_LOSS = (
    "its 'loss' is one of classes, not of values: set loss = 'absolute', and 'bound' to the error "
    "that is the most"
)
NO_VALUES = "its 'loss' is one of values, and this version answers classes: set loss = 'wrong'"
NO_PROBABILITY = (
    "its 'loss' is one of the probability of the second of two classes, which this version does "
    "not answer: "
    "set loss = 'wrong'"
)
NO_EQUAL_SHARES = "times are compared where the candidate's share is one half, and no step is"


@dataclass(frozen=True)
class Signal:
    """One signal's part in the verdict.

    action: what evidence that the candidate is worse does: "rollback", "hold" the weight until a
    person has looked, or only be shown ("watch"). weight: its share of alpha. required: no
    promotion by the conductor without its proof. tolerance: a difference that is no evidence.
    margin: what the proof must exclude."""

    action: str = "rollback"
    weight: float = 0.1
    required: bool = False
    tolerance: float = 0.0
    margin: float = 0.0


@dataclass(frozen=True)
class Errors(Signal):
    """Requests that failed (5xx, time-out, no connection), also where another version answered in
    its place.

    margin: or the stable version's own rate, whichever is more.
    """

    weight: float = 0.3
    required: bool = True
    margin: float = 0.005


@dataclass(frozen=True)
class Refusals(Signal):
    """Requests refused for a row that does not fit (422)."""

    weight: float = 0.05
    margin: float = 0.01


@dataclass(frozen=True)
class Latency(Signal):
    """Time for the same batch of rows, asked of both in turn. Tolerance and margin are parts of it.

    overhead_ms: what a request takes in addition to the model; "slower" compares both together, so
    that 0.1 ms instead of 0.05 ms is not slower. Processor time counts at any share; time by the
    clock only where the candidate's share is one half, give or take share_tolerance, since a busy
    process looks slow."""

    weight: float = 0.25
    required: bool = True
    tolerance: float = 0.1
    margin: float = 0.15
    overhead_ms: float = 2.0
    share_tolerance: float = 0.05


@dataclass(frozen=True)
class ResponseTime(Signal):
    """Time a request takes in router and version: shown, and not acted on unless told so. Tolerance
    is a part of it.

    overhead_ms: what it takes in addition on its way to the user. share_tolerance: how far from one
    half the candidate's share may be: only versions with equal shares have equal batches and equal
    load, so that their users' times can be compared."""

    action: str = "watch"
    weight: float = 0.1
    tolerance: float = 0.5
    overhead_ms: float = 2.0
    share_tolerance: float = 0.05


@dataclass(frozen=True)
class Prediction(Signal):
    """Shares of the predicted classes, or of a value's ranges."""

    action: str = "hold"
    weight: float = 0.1
    tolerance: float = 0.02


@dataclass(frozen=True)
class Labels(Signal):
    """Loss by late labels. loss: "wrong", "brier", "log" or "absolute"; bound: the loss that counts
    as the whole.
    """

    weight: float = 0.2
    margin: float = 0.02
    loss: str = "wrong"
    bound: float = 1.0


@dataclass(frozen=True)
class Agreement(Signal):
    """Answers of a shadow that differ from the user's, beyond those of the stable version asked
    twice.
    """

    action: str = "hold"
    weight: float = 0.1
    required: bool = True
    tolerance: float = 0.02
    margin: float = 0.05


@dataclass(frozen=True)
class VerdictConfig:
    """`[verdict]`: what all self-running rollouts have in common.

    alpha: the chance that a candidate inside every tolerance is rolled back; beta: that one on a
    margin is promoted. step_s, step_requests: a canary's step takes at least so long and so many
    requests of the candidate. deadline_s: of the whole rollout; undecided: what happens then.
    watch_s: how long the old version stays beside a switch. on_conflict: what a new rollout does to
    one that runs by itself: ends it, waits for its end, or is refused."""

    alpha: float = 0.05
    beta: float = 0.05
    steps: str = "1,5,25,50"
    step_s: float = 30.0
    step_requests: int = 300
    deadline_s: float = 86_400.0
    undecided: str = "hold"
    watch_s: float = 120.0
    on_conflict: str = "refuse"
    cold_s: float = 5.0
    compare_ms: int = 100
    errors: Errors = field(default_factory=Errors)
    refusals: Refusals = field(default_factory=Refusals)
    latency: Latency = field(default_factory=Latency)
    response_time: ResponseTime = field(default_factory=ResponseTime)
    prediction: Prediction = field(default_factory=Prediction)
    labels: Labels = field(default_factory=Labels)
    agreement: Agreement = field(default_factory=Agreement)

    def signal(self, name: str) -> Signal:
        """The section of a signal, by the signal's name."""
        section: Signal = getattr(self, section_of(name))
        return section


SIGNALS = ("errors", "refusals", "latency", "wait", "prediction", "labels", "agreement")
"""The signals by the names that ledgers, metrics and JSON have."""
SECTIONS = MappingProxyType({"wait": "response_time"})
"""Signals whose section of `[verdict]` has another name than the signal."""
STORED_KEYS = MappingProxyType(
    {"on_conflict": "hotfix", "overhead_ms": "beside_ms", "share_tolerance": "apart"}
)
"""Fields that the ledger keeps under an earlier name, so that every Sluice reads every ledger."""


def section_of(signal: str) -> str:
    """The section of `[verdict]` that configures a signal."""
    return SECTIONS.get(signal, signal)


def title_of(signal: str) -> str:
    """A signal as people read it."""
    return section_of(signal).replace("_", " ")


@dataclass(frozen=True)
class SignalPolicy:
    """One signal as it is judged. See Signal; loss, bound: see Labels."""

    name: str
    action: str
    weight: float
    required: bool
    tolerance: float
    margin: float
    overhead_ms: float = 0.0
    share_tolerance: float = 0.5
    loss: str = ""
    bound: float = 1.0


@dataclass(frozen=True)
class Policy:
    """The plan of a self-running rollout, but for its steps. See Judging.

    unjudged: signals that it looks at in vain, each with the reason.
    """

    alpha: float
    beta: float
    rules: tuple[SignalPolicy, ...]
    step_requests: int
    deadline_s: float
    undecided: str
    watch_s: float
    on_conflict: str
    unjudged: tuple[tuple[str, str], ...] = ()

    @property
    def labels(self) -> Labels | None:
        """How labels are turned into losses; None where they are not judged."""
        rule = next((rule for rule in self.rules if rule.name == "labels" and rule.loss), None)
        if rule is None:
            return None
        return Labels(loss=rule.loss, bound=rule.bound)

    def to_body(self) -> dict[str, Any]:
        """Plain JSON. `policy_of(to_body())` is the identity."""
        return {
            **_stored(self),
            "rules": [_stored(rule) for rule in self.rules],
            "unjudged": [list(pair) for pair in self.unjudged],
        }


def policy_of(body: Mapping[str, Any]) -> Policy:
    """The policy of plain JSON; raises KeyError, TypeError."""
    values = _read(body)
    values["rules"] = tuple(SignalPolicy(**_read(rule)) for rule in body["rules"])
    values["unjudged"] = tuple((name, because) for name, because in body.get("unjudged", ()))
    return Policy(**values)


def _stored(value: Policy | SignalPolicy) -> dict[str, Any]:
    """Its fields under the names that the ledger has for them."""
    return {STORED_KEYS.get(name, name): field for name, field in asdict(value).items()}


def _read(body: Mapping[str, Any]) -> dict[str, Any]:
    """Stored fields under their own names."""
    names = {stored: name for name, stored in STORED_KEYS.items()}
    return {names.get(key, key): value for key, value in body.items()}


def policy(
    judging: VerdictConfig,
    row: Strategy,
    answers: Answers = CLASSES,
    weights: Sequence[int] | None = None,
) -> Policy:
    """What a strategy goes by: its signals, and for one that a person decides nothing but the way
    back.

    answers: of the candidate, as its manifest has it; weights: of its steps in basis points, where
    they are known. A signal that could never be judged is left out, with the reason. Raises
    BadSetting where it is required all the same."""
    looked_at = [name for name in SIGNALS if name in row.signals]
    unjudged = [
        (name, because)
        for name in looked_at
        if (because := _in_vain(name, judging, answers, weights))
    ]
    for name, because in unjudged:
        if judging.signal(name).required:
            raise BadSetting(
                f"deploy.toml: 'verdict.{section_of(name)}' is required, and {because}"
            )
        looked_at.remove(name)

    rules = tuple(
        _rule(name, judging.signal(name), judged=name in row.decides) for name in looked_at
    )
    return Policy(
        judging.alpha,
        judging.beta,
        rules,
        judging.step_requests,
        judging.deadline_s,
        judging.undecided,
        judging.watch_s,
        judging.on_conflict,
        tuple(unjudged),
    )


def _in_vain(
    name: str, judging: VerdictConfig, answers: Answers, weights: Sequence[int] | None
) -> str:
    """Why a signal could never be judged; empty where it can be."""
    if name == "labels":
        return _no_loss(judging.labels.loss, answers)

    if name == "wait" and judging.response_time.action != "watch" and weights is not None:
        near = judging.response_time.share_tolerance * ALL
        if any(abs(weight - ALL / 2) <= near for weight in weights):
            return ""
        return NO_EQUAL_SHARES

    return ""


def _no_loss(loss: str, answers: Answers) -> str:
    if answers.values:
        if loss == OF_VALUES:
            return ""
        return NO_LOSS
    if loss == OF_VALUES:
        if answers.classes:
            return NO_VALUES
        return ""

    known = answers.classes or answers.probabilities
    if loss in ("brier", "log") and known and not answers.two_classes:
        return NO_PROBABILITY
    return ""


def _rule(name: str, signal: Signal, judged: bool) -> SignalPolicy:
    required = signal.required and judged
    more = {
        key: getattr(signal, key)
        for key in ("overhead_ms", "share_tolerance", "loss", "bound")
        if hasattr(signal, key)
    }
    return SignalPolicy(
        name, signal.action, signal.weight, required, signal.tolerance, signal.margin, **more
    )


def check(judging: VerdictConfig) -> None:
    """Raise BadSetting naming the key unless the settings mean something together."""
    for name in ("alpha", "beta"):
        if not getattr(judging, name) <= 0.5:
            raise BadSetting(f"deploy.toml: 'verdict.{name}' is a probability of at most 0.5")

    _word("undecided", judging.undecided, AT_DEADLINE)
    _word("on_conflict", judging.on_conflict, ON_CONFLICT)
    _word("labels.loss", judging.labels.loss, LOSSES)
    for name in SIGNALS:
        signal, section = judging.signal(name), section_of(name)
        _word(f"{section}.action", signal.action, ACTIONS)
        if signal.required and name not in PROVABLE:
            raise BadSetting(
                f"deploy.toml: 'verdict.{section}.required': there is no proof of '{section}', so "
                f"it cannot be required"
            )
        if signal.required and signal.margin <= 0:
            raise BadSetting(
                f"deploy.toml: 'verdict.{section}.margin' must be above 0: no difference at all "
                f"has no proof"
            )
        if name != "latency" and signal.margin >= 1:
            raise BadSetting(
                f"deploy.toml: 'verdict.{section}.margin' must be below 1: every rate is within "
                f"that"
            )

    total = max(
        sum(judging.signal(name).weight for name in row.signals) for row in STRATEGIES.values()
    )
    if total > 1 + 1e-9:
        raise BadSetting(
            f"deploy.toml: the weights of the signals in 'verdict' sum to {total:g}: alpha is "
            f"shared, so at most to 1"
        )


PROVABLE = ("errors", "refusals", "latency", "labels", "agreement")


def _word(path: str, word: str, known: tuple[str, ...]) -> None:
    if word not in known:
        raise BadSetting(
            f"deploy.toml: 'verdict.{path}' is one of {', '.join(known)}, not {word!r}"
        )


def numbers(judging: VerdictConfig) -> list[tuple[str, Any]]:
    """Every table of `[verdict]` with its path."""
    return [
        ("verdict", judging),
        *((f"verdict.{section_of(name)}", judging.signal(name)) for name in SIGNALS),
    ]
