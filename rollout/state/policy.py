"""How a rollout is judged: fixed before it starts, printed, kept in the ledger with it.

`VerdictConfig` is the `[verdict]` table of deploy.toml; `policy` makes the plan of one strategy of
it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from types import MappingProxyType
from typing import Any, get_type_hints

from rollout.errors import BadSetting
from rollout.state.classes import CLASSIFICATION, Answers
from rollout.state.segments import SegmentColumn, segment_names
from rollout.state.signal_settings import (
    LOSSES,
    Agreement,
    Errors,
    Labels,
    Latency,
    Outages,
    Pairs,
    Prediction,
    Refusals,
    ResponseTime,
    SignalSettings,
    Tails,
)
from rollout.state.strategy import STRATEGIES, Strategy

ACTIONS = ("rollback", "hold", "watch")
AT_DEADLINE = ("hold", "rollback")
ON_CONFLICT = ("supersede", "queue", "refuse")
CLASSES = Answers(CLASSIFICATION)


@dataclass(frozen=True)
class Breaker:
    """Rolls back what is obvious, beside all evidence: within the last window_s seconds the
    candidate did not answer this share of at least so many requests, which the stable version
    answered.

    share: 1 or more turns it off."""

    share: float = 0.5
    window_s: float = 10.0
    requests: int = 20


@dataclass(frozen=True)
class VerdictConfig:
    """`[verdict]`: what all self-running rollouts have in common.

    alpha: the chance that a candidate inside every tolerance is rolled back; beta: that one on a
    margin is promoted. step_s, step_requests: a canary's step takes at least so long and so many
    requests of the candidate. deadline_s: of the whole rollout; undecided: what happens then.
    watch_s: how long the old version keeps running after a switch. on_conflict: what a new rollout
    does to one that runs by itself: ends it, waits for its end, or is refused. pairs_per_s: how
    many requests of a second each worker of the router asks both versions; 0: none."""

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
    pairs_per_s: float = 50.0
    errors: Errors = field(default_factory=Errors)
    refusals: Refusals = field(default_factory=Refusals)
    pairs: Pairs = field(default_factory=Pairs)
    outages: Outages = field(default_factory=Outages)
    latency: Latency = field(default_factory=Latency)
    response_time: ResponseTime = field(default_factory=ResponseTime)
    tails: Tails = field(default_factory=Tails)
    prediction: Prediction = field(default_factory=Prediction)
    labels: Labels = field(default_factory=Labels)
    agreement: Agreement = field(default_factory=Agreement)
    breaker: Breaker = field(default_factory=Breaker)

    def signal(self, name: str) -> SignalSettings:
        """The section of a signal, by the signal's name."""
        section: SignalSettings = getattr(self, section_of(name))
        return section


def _sections() -> dict[str, type[SignalSettings]]:
    """The sections of signals, by their names in `[verdict]`, in order."""
    types = get_type_hints(VerdictConfig)
    sections = {}
    for setting in fields(VerdictConfig):
        kind = types[setting.name]
        if issubclass(kind, SignalSettings):
            sections[setting.name] = kind

    return sections


SECTIONS: Mapping[str, str] = MappingProxyType(
    {signal.name: section for section, signal in _sections().items()}
)
"""The section of `[verdict]` that configures a signal, by the signal's name."""
SIGNALS = tuple(SECTIONS)
"""The signals by the names that ledgers, metrics and JSON have."""


def settings_of(signal: str) -> type[SignalSettings]:
    """The kind of settings of a signal."""
    return _sections()[section_of(signal)]


PROVABLE = tuple(signal.name for signal in _sections().values() if signal.has_proof)
STORED_KEYS = MappingProxyType(
    {"on_conflict": "hotfix", "overhead_ms": "beside_ms", "share_tolerance": "apart"}
)
"""Fields that the ledger keeps under an earlier name, so that every Sluice reads every ledger."""


def section_of(signal: str) -> str:
    """The section of `[verdict]` that configures a signal."""
    return SECTIONS[signal]


def title_of(signal: str) -> str:
    """A signal, or another reason of a verdict, as people read it."""
    return SECTIONS.get(signal, signal).replace("_", " ")


@dataclass(frozen=True)
class SignalPolicy:
    """One signal as it is judged. Its fields are those of the settings in signal_settings.py.

    segments: those in which it is looked at apart, too (rollout/state/segments.py). Their number is
    fixed with the plan, since each has the same part of the evidence, whether it is seen or not.
    """

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
    segments: tuple[str, ...] = ()


@dataclass(frozen=True)
class Policy:
    """The plan of a rollout that runs by itself, except its steps. See VerdictConfig.

    unjudged: signals of the strategy that could never be judged, each with the reason. no_copies:
    why no request is copied, so that only draws are evidence; empty where requests may be.
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
    breaker: Breaker | None = None
    no_copies: str = ""

    def by_draws_only(self, because: str) -> "Policy":
        """The policy without the signals that need requests which both versions are asked."""
        rules = []
        unjudged = list(self.unjudged)
        for rule in self.rules:
            if settings_of(rule.name).needs_copies:
                unjudged.append((rule.name, f"{because}, so no request is copied"))
            else:
                rules.append(rule)

        return replace(
            self, rules=tuple(rules), unjudged=tuple(unjudged), no_copies=self.no_copies or because
        )

    @property
    def labels(self) -> Labels | None:
        """How labels are turned into losses; None where they are not judged."""
        for rule in self.rules:
            if rule.name == Labels.name and rule.loss:
                return Labels(loss=rule.loss, bound=rule.bound)

        return None

    def to_body(self) -> dict[str, Any]:
        """Plain JSON. `policy_of(to_body())` is the identity."""
        return {
            **_stored(self),
            "rules": list(map(_stored, self.rules)),
            "unjudged": list(map(list, self.unjudged)),
        }


def policy_of(body: Mapping[str, Any]) -> Policy:
    """The policy of plain JSON; raises KeyError, TypeError."""
    values = _read(body)
    values["rules"] = tuple(map(_rule_of, body["rules"]))
    values["unjudged"] = tuple(map(tuple, body.get("unjudged", ())))
    if values.get("breaker") is not None:
        values["breaker"] = Breaker(**values["breaker"])

    return Policy(**values)


def _stored(value: Policy | SignalPolicy) -> dict[str, Any]:
    """Its fields under the names that the ledger has for them."""
    body = asdict(value)
    for name, key in STORED_KEYS.items():
        if name in body:
            body[key] = body.pop(name)

    if "segments" in body:
        body["segments"] = list(body["segments"])

    return body


def _rule_of(body: Mapping[str, Any]) -> SignalPolicy:
    values = _read(body)
    values["segments"] = tuple(body.get("segments", ()))
    return SignalPolicy(**values)


def _read(body: Mapping[str, Any]) -> dict[str, Any]:
    """Stored fields under their own names."""
    values = dict(body)
    for name, key in STORED_KEYS.items():
        if key in values:
            values[name] = values.pop(key)

    return values


def policy(
    judging: VerdictConfig,
    row: Strategy,
    answers: Answers = CLASSES,
    weights: Sequence[int] | None = None,
    segments: Sequence[SegmentColumn] = (),
) -> Policy:
    """How a strategy is judged: by its signals; where a person decides, they only roll back.

    answers, segments: of the candidate, as its manifest has them; weights: of its steps in basis
    points, where they are known. A signal that could never be judged is left out, with the reason.
    Raises BadSetting where it is required all the same."""
    if not judging.pairs_per_s:
        segments = ()

    rules, unjudged = [], []
    for name in filter(row.signals.__contains__, SIGNALS):
        signal = judging.signal(name)
        because = signal.why_unjudged(answers, weights)
        if not because:
            rules.append(_signal_policy(signal, name in row.decides, segments))
            continue

        unjudged.append((name, because))
        if signal.required:
            raise BadSetting(
                f"deploy.toml: 'verdict.{section_of(name)}' is required, and {because}"
            )

    return Policy(
        judging.alpha,
        judging.beta,
        tuple(rules),
        judging.step_requests,
        judging.deadline_s,
        judging.undecided,
        judging.watch_s,
        judging.on_conflict,
        tuple(unjudged),
        judging.breaker,
    )


def _signal_policy(
    signal: SignalSettings, decides: bool, segments: Sequence[SegmentColumn]
) -> SignalPolicy:
    """The policy of one signal. decides: whether its proof may be required."""
    values = asdict(signal) | {"required": signal.required and decides}
    if signal.by_segment:
        values["segments"] = segment_names(segments)

    return SignalPolicy(signal.name, **values)


def check(judging: VerdictConfig) -> None:
    """Raise BadSetting naming the key unless the settings mean something together."""
    for name in ("alpha", "beta"):
        if not getattr(judging, name) <= 0.5:
            raise BadSetting(f"deploy.toml: 'verdict.{name}' is a probability of at most 0.5")

    _word("undecided", judging.undecided, AT_DEADLINE)
    _word("on_conflict", judging.on_conflict, ON_CONFLICT)
    _word("labels.loss", judging.labels.loss, LOSSES)
    for name in SIGNALS:
        _check_signal(section_of(name), judging.signal(name))

    _check_weights(judging)


def _check_signal(section: str, signal: SignalSettings) -> None:
    _word(f"{section}.action", signal.action, ACTIONS)
    if signal.required and not signal.has_proof:
        raise BadSetting(
            f"deploy.toml: 'verdict.{section}.required': there is no proof of '{section}', so it "
            f"cannot be required"
        )

    if signal.required and signal.margin <= 0:
        raise BadSetting(
            f"deploy.toml: 'verdict.{section}.margin' must be above 0: no difference at all has no "
            f"proof"
        )

    if not signal.margin_is_factor and signal.margin >= 1:
        raise BadSetting(
            f"deploy.toml: 'verdict.{section}.margin' must be below 1: every rate is within that"
        )


def _check_weights(judging: VerdictConfig) -> None:
    for row in STRATEGIES.values():
        for action in ("rollback", "hold"):
            signals = map(judging.signal, row.signals)
            total = sum(signal.weight for signal in signals if signal.action == action)
            if total > 1 + 1e-9:
                raise BadSetting(
                    f"deploy.toml: the weights of the signals in 'verdict' whose action is "
                    f"{action} sum to {total:g}: alpha is shared, so at most to 1"
                )


def _word(path: str, word: str, known: tuple[str, ...]) -> None:
    if word not in known:
        raise BadSetting(
            f"deploy.toml: 'verdict.{path}' is one of {', '.join(known)}, not {word!r}"
        )


def numbers(judging: VerdictConfig) -> list[tuple[str, Any]]:
    """Every table of `[verdict]` with its path."""
    tables: list[tuple[str, Any]] = [("verdict", judging)]
    for name in SIGNALS:
        tables.append((f"verdict.{section_of(name)}", judging.signal(name)))

    return [*tables, ("verdict.breaker", judging.breaker)]
