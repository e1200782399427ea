"""The routing table: the newest revision of the ledger, in the form that requests need."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from types import MappingProxyType

from rollout.decide.reconcile import needs_capacity
from rollout.decide.side_effects import versions_with_side_effects
from rollout.decide.transitions import watched
from rollout.state.classes import Answers
from rollout.state.ledger import Ledger, from_body
from rollout.state.segments import SegmentColumn
from rollout.state.split import ALL, TrafficSplit, keyed


@dataclass(frozen=True)
class ActiveRollout:
    """The rollout in progress, as far as requests need it.

    weight: of the candidate, in basis points. judged: the verdict controls it.
    watching: the candidate has all traffic, and the stable version gets copies of its requests.
    pairs: whether both versions may be asked the same request, since a prediction changes nothing.
    rehearses_since: when the last step before a release on proof began (epoch seconds), in which
    the candidate shows that it carries all requests; else None. segments: the columns by whose
    values pairs are counted apart."""

    id: str
    number: int
    candidate: str
    stable: str
    weight: int
    judged: bool
    watching: bool
    pairs: bool = True
    rehearses_since: float | None = None
    segments: tuple[SegmentColumn, ...] = ()


@dataclass(frozen=True)
class RoutingTable:
    """One revision.

    addresses, roles: of every live version. weights: in basis points.
    answers: what each version answers, former ones included."""

    ledger: Ledger
    split: TrafficSplit | None
    addresses: MappingProxyType[str, str]
    roles: MappingProxyType[str, str]
    weights: MappingProxyType[str, int]
    released: str | None
    rolling: ActiveRollout | None = None
    answers: Mapping[str, Answers] = field(default_factory=dict)

    @property
    def split_id(self) -> str:
        """A digest that identifies this split; draws are counted by it."""
        outline = ""
        if self.split:
            outline = repr((self.split.salt, self.split.slices))

        return blake2b(outline.encode(), digest_size=6).hexdigest()

    @property
    def rollout_id(self) -> str:
        """The id of the rollout in progress, empty without one."""
        if self.ledger.rollout is None:
            return ""
        return self.ledger.rollout.id

    @property
    def revision(self) -> int:
        """The revision of the ledger."""
        return self.ledger.revision

    def fallback_for(self, version: str) -> str | None:
        """The version that answers if `version` fails: the released one, else one with traffic."""
        if self.released is not None and self.released != version:
            return self.released

        others = (name for name, weight in self.weights.items() if weight > 0 and name != version)
        return next(others, None)


def table_of(ledger: Ledger, secret: bytes = b"") -> RoutingTable:
    """The table of a ledger.

    secret: keys the split, so that no client can compute the version of a unit."""
    live = ledger.live()
    return RoutingTable(
        ledger=ledger,
        split=keyed(ledger.split, secret) if ledger.split else None,
        addresses=MappingProxyType({version.name: version.address for version in live}),
        roles=MappingProxyType({version.name: str(version.state) for version in live}),
        weights=MappingProxyType(ledger.split.weights() if ledger.split else {}),
        released=ledger.released,
        rolling=_rolling(ledger),
        answers=MappingProxyType(
            {name: version.answers for name, version in ledger.versions.items()}
        ),
    )


def _rolling(ledger: Ledger) -> ActiveRollout | None:
    rollout = ledger.rollout
    if rollout is None:
        return None

    weight = ledger.weight(rollout.candidate)
    return ActiveRollout(
        rollout.id,
        rollout.number,
        rollout.candidate,
        rollout.stable,
        weight,
        rollout.policy is not None,
        watched(rollout) and weight == ALL,
        not versions_with_side_effects(ledger, (rollout.candidate, rollout.stable)),
        rollout.step_since if needs_capacity(ledger, rollout) else None,
        ledger.version(rollout.candidate).segments,
    )


def empty_table(model: str) -> RoutingTable:
    """The table before the first revision."""
    return table_of(Ledger(model=model))


def table_of_body(body: dict[str, object], revision: int, secret: bytes = b"") -> RoutingTable:
    """The table of a stored body; raises rollout.errors.BrokenRecord."""
    return table_of(from_body(body, revision), secret)
