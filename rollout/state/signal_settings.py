"""The sections of `[verdict]` in deploy.toml, one a signal, with their defaults."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from rollout.state.classes import Answers
from rollout.state.split import ALL

OF_VALUES = "absolute"
LOSSES = ("wrong", "brier", "log", OF_VALUES)
NO_LOSS = (
    "its 'loss' is one of classes, not of values: set loss = 'absolute', and 'bound' to the error "
    "that is the most"
)
NO_VALUES = "its 'loss' is one of values, and this version answers classes: set loss = 'wrong'"
NO_PROBABILITY = (
    "its 'loss' is one of the probability of the second of two classes, which this version does "
    "not answer: set loss = 'wrong'"
)
NO_EQUAL_SHARES = "times are compared where the candidate's share is one half, and no step is"


@dataclass(frozen=True)
class SignalSettings:
    """One signal's part in the verdict.

    action: what evidence that the candidate is worse does: "rollback", "hold" the weight until a
    person has looked, or only be shown ("watch"). weight: its share of alpha. required: no
    promotion by the controller without its proof. tolerance: a difference that is no evidence.
    margin: what the proof must exclude."""

    name: ClassVar[str]
    """In ledgers, metrics and JSON."""
    has_proof: ClassVar[bool] = True
    margin_is_factor: ClassVar[bool] = False
    """Whether the margin is a part of the stable version's number, not a difference of rates."""

    by_segment: ClassVar[bool] = False
    """Whether it is looked at in each of the candidate's segments, too."""
    needs_copies: ClassVar[bool] = False
    """Whether it needs requests that both versions are asked."""

    action: str = "rollback"
    weight: float = 0.1
    required: bool = False
    tolerance: float = 0.0
    margin: float = 0.0

    def why_unjudged(self, _answers: Answers, _weights: Sequence[int] | None) -> str:
        """Why no rollout could ever judge it; empty where one can.

        answers: of the candidate; weights: of the steps in basis points, None: not known.
        """
        return ""


@dataclass(frozen=True)
class Errors(SignalSettings):
    """Requests that a version failed on their rows (500), also where another version answered in
    its place.

    margin: or the stable version's own rate, whichever is more.
    """

    name = "errors"

    weight: float = 0.3
    required: bool = True
    margin: float = 0.005


@dataclass(frozen=True)
class Refusals(SignalSettings):
    """Requests refused for a row that does not fit (422)."""

    name = "refusals"

    weight: float = 0.05
    margin: float = 0.01


@dataclass(frozen=True)
class Pairs(SignalSettings):
    """Requests that both versions were asked at the same moment, and of which one failed or refused
    what the other one answered.
    """

    name = "pairs"
    has_proof = False
    by_segment = True
    needs_copies = True

    weight: float = 0.1


@dataclass(frozen=True)
class Outages(SignalSettings):
    """Times at which the process of one version alone could not be asked (no connection, time-out,
    502 to 504).
    """

    name = "outages"
    has_proof = False
    needs_copies = True

    weight: float = 0.05


@dataclass(frozen=True)
class Latency(SignalSettings):
    """Time for the same batch of rows, asked of both in turn. Tolerance and margin are parts of it.

    overhead_ms: what a request takes in addition to the model; "slower" compares both together, so
    that 0.1 ms instead of 0.05 ms is not slower. Processor time counts at any share; time by the
    clock only where the candidate's share is one half, give or take share_tolerance, since a busy
    process looks slow."""

    name = "latency"
    margin_is_factor = True
    needs_copies = True

    weight: float = 0.2
    required: bool = True
    tolerance: float = 0.1
    margin: float = 0.15
    overhead_ms: float = 2.0
    share_tolerance: float = 0.05


@dataclass(frozen=True)
class ResponseTime(SignalSettings):
    """Time a request takes in router and version: shown, and acted on only where `action` says so.
    Tolerance is a part of it.

    overhead_ms: what it takes in addition on its way to the user. share_tolerance: how far from one
    half the candidate's share may be: only versions with equal shares have equal batches and equal
    load, so that their users' times can be compared."""

    name = "wait"
    has_proof = False

    action: str = "watch"
    weight: float = 0.1
    tolerance: float = 0.5
    overhead_ms: float = 2.0
    share_tolerance: float = 0.05

    def why_unjudged(self, _answers: Answers, weights: Sequence[int] | None) -> str:
        """Where it is to act, and no step gives the candidate one half."""
        if self.action == "watch" or weights is None:
            return ""

        near = self.share_tolerance * ALL
        if any(abs(weight - ALL / 2) <= near for weight in weights):
            return ""
        return NO_EQUAL_SHARES


@dataclass(frozen=True)
class Tails(SignalSettings):
    """Requests that both versions were asked, and for which one took three times as long as the
    other.
    """

    name = "tails"
    has_proof = False
    needs_copies = True

    action: str = "hold"
    weight: float = 0.1
    tolerance: float = 0.002


@dataclass(frozen=True)
class Prediction(SignalSettings):
    """Shares of the predicted classes, or of a value's ranges; and what the answers to the same
    request have to do with each other. The tolerance of a class that is rarer
    than 4 % is as much smaller.
    """

    name = "prediction"
    has_proof = False

    action: str = "hold"
    weight: float = 0.1
    tolerance: float = 0.02


@dataclass(frozen=True)
class Labels(SignalSettings):
    """Loss by late labels. loss: "wrong", "brier", "log" or "absolute"; bound: the loss that counts
    as the whole.
    """

    name = "labels"

    weight: float = 0.2
    margin: float = 0.02
    loss: str = "wrong"
    bound: float = 1.0

    def why_unjudged(self, answers: Answers, _weights: Sequence[int] | None) -> str:
        """Where its loss is none of what the candidate answers."""
        if answers.values:
            if self.loss == OF_VALUES:
                return ""
            return NO_LOSS

        if self.loss == OF_VALUES:
            if answers.classes:
                return NO_VALUES
            return ""

        known = answers.classes or answers.probabilities
        if self.loss in ("brier", "log") and known and not answers.two_classes:
            return NO_PROBABILITY
        return ""


@dataclass(frozen=True)
class Agreement(SignalSettings):
    """Answers of a shadow that differ from the user's, beyond those of the stable version asked
    twice.
    """

    name = "agreement"
    needs_copies = True

    action: str = "hold"
    weight: float = 0.1
    required: bool = True
    tolerance: float = 0.02
    margin: float = 0.05
