"""The ledger as one immutable value: versions, the traffic split and the rollout in progress."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from itertools import starmap
from types import MappingProxyType
from typing import Any

from rollout.errors import BadWeight, BrokenRecord, NothingToDo, RolloutInProgress, UnknownVersion
from rollout.state.classes import Answers, ClassValue, answers_of
from rollout.state.policy import Policy, policy_of
from rollout.state.segments import SegmentColumn, segment_columns, segments_body
from rollout.state.split import Slice, TrafficSplit
from rollout.state.version_state import LIVE, Event, State, after

FORMAT = 4
_READS = (1, 2, 3, FORMAT)
Body = dict[str, Any]


@dataclass(frozen=True)
class Version:
    """One deployed version.

    address: where its service listens (`unix:/path` or `http://host:port`); program: the process
    group that runs it. digest: SHA-256 of its manifest; proven_at: epoch seconds of its last golden
    answer. task, classes, output: what it answers, as its manifest has it; empty where it was
    deployed before the ledger kept that. side_effects: whether a prediction changes something, so
    that no request is copied to it for a comparison. segments: the columns by whose values its
    rollout is looked at apart."""

    name: str
    state: State
    address: str
    program: str
    digest: str
    runtime: str
    proven_at: float
    task: str = ""
    classes: tuple[ClassValue, ...] = ()
    output: str = ""
    side_effects: bool = False
    segments: tuple[SegmentColumn, ...] = ()

    @property
    def answers(self) -> Answers:
        """What it answers."""
        return answers_of(self.task, self.classes, self.output)


@dataclass(frozen=True)
class Step:
    """Weight of the candidate (basis points) and how long to hold it (seconds; None: until a person
    takes the next step).
    """

    weight: int
    hold_s: float | None = None


@dataclass(frozen=True)
class Rollout:
    """A rollout in progress: its plan, made before it started, and where it stands in it.

    policy: how the controller judges it; None where it does not run by itself. held: why the
    controller holds its weight; accepted: what a person has looked at and lets pass."""

    id: str
    strategy: str
    candidate: str
    stable: str
    steps: tuple[Step, ...]
    step: int
    step_since: float
    started_at: float
    started_by: str
    paused: bool = False
    held_s: float = 0.0
    policy: Policy | None = None
    held: tuple[str, ...] = ()
    accepted: tuple[str, ...] = ()

    @property
    def number(self) -> int:
        """The revision it began with."""
        return int(self.id.rpartition(":")[2])

    def outline(self) -> Body:
        """Its versions, its strategy and its progress, as plain JSON; steps count from 1."""
        return {
            "strategy": self.strategy,
            "candidate": self.candidate,
            "stable": self.stable,
            "step": self.step + 1 if self.steps else None,
            "paused": self.paused,
        }

    def due_at(self) -> float | None:
        """Epoch seconds of the next step, or None where the clock does not decide."""
        if self.paused or not self.steps:
            return None

        hold_s = self.steps[self.step].hold_s
        if hold_s is None:
            return None
        return self.step_since + hold_s - self.held_s


@dataclass(frozen=True)
class Ledger:
    """One revision.

    released_before: the stack of rollback targets, newest last. last: the rollout that ended with a
    release, whose late labels still count; flagged: they are evidence against it. queued: begins
    when the one in progress has ended. verdict: on what this revision was decided, as plain
    JSON."""

    model: str
    revision: int = 0
    versions: Mapping[str, Version] = field(default_factory=lambda: MappingProxyType({}))
    split: TrafficSplit | None = None
    released: str | None = None
    released_before: tuple[str, ...] = ()
    rollout: Rollout | None = None
    last: Rollout | None = None
    queued: Rollout | None = None
    flagged: bool = False
    verdict: Body | None = None

    def version(self, name: str) -> Version:
        """The version of that name; raises UnknownVersion naming those there are."""
        if name not in self.versions:
            known = ", ".join(self.versions) or "none yet"
            raise UnknownVersion(
                f"{name} has never been deployed (deployed: {known}): run `python deploy.py "
                f"deploy {name}` first"
            )

        return self.versions[name]

    def released_version(self) -> Version | None:
        """The released version; None before the first release."""
        if self.released is None:
            return None
        return self.version(self.released)

    def live(self) -> tuple[Version, ...]:
        """Versions with a running process."""
        return tuple(version for version in self.versions.values() if version.state in LIVE)

    def weight(self, name: str) -> int:
        """Basis points of the traffic that version answers."""
        if self.split:
            return self.split.weight(name)
        return 0

    def rollback_target(self) -> str | None:
        """Where `rollback` would send the traffic now: to the stable version of a rollout, else to
        the version that was released before.
        """
        rollout = self.rollout
        if rollout is not None and self.weight(rollout.candidate) > 0:
            return rollout.stable
        if self.released_before:
            return self.released_before[-1]
        return None

    def targets_without(self, *names: str | None) -> tuple[str, ...]:
        """The stack of rollback targets, these versions taken from it."""
        return tuple(target for target in self.released_before if target not in names)

    def with_event(self, name: str, event: Event) -> "Ledger":
        """The ledger after `event` happened to that version; raises IllegalEvent."""
        version = self.version(name)
        return self.with_version(replace(version, state=after(version.state, event, name)))

    def with_version(self, version: Version) -> "Ledger":
        """The ledger with that version added or replaced."""
        return replace(self, versions=MappingProxyType({**self.versions, version.name: version}))

    def next(self) -> "Ledger":
        """The same value as the revision to be written next; no verdict stands behind it yet."""
        return replace(self, revision=self.revision + 1, verdict=None)

    def running(self) -> Rollout:
        """The rollout in progress; raises NothingToDo where there is none."""
        if self.rollout is None:
            raise NothingToDo(
                "no rollout is in progress: start one with canary, shadow, ab, ramp or blue-green"
            )
        return self.rollout

    def must_be_free_for(self, candidate: str) -> None:
        """Raise RolloutInProgress where another candidate's rollout holds the traffic and does not
        give way.
        """
        if not self.gives_way():
            self.must_not_be_of_another(candidate)

    def must_not_be_of_another(self, candidate: str) -> None:
        """Raise RolloutInProgress where the rollout in progress is another candidate's."""
        rollout = self.rollout
        if rollout is None or rollout.candidate == candidate:
            return

        raise RolloutInProgress(
            f"a {rollout.strategy} of {rollout.candidate} is in progress (started by "
            f"{rollout.started_by}): `python deploy.py abort` or "
            f"`python deploy.py promote {rollout.candidate}` first"
        )

    def gives_way(self) -> bool:
        """Whether the rollout in progress may be ended by another one, as its plan says."""
        return self._on_conflict() == "supersede"

    def lets_wait(self, candidate: str) -> bool:
        """Whether a rollout of `candidate` waits for the end of the one in progress, as that one's
        plan says.
        """
        return self._on_conflict() == "queue" and self.running().candidate != candidate

    def _on_conflict(self) -> str:
        rollout = self.rollout
        if rollout is not None and rollout.policy is not None:
            return rollout.policy.on_conflict
        return ""

    def to_body(self) -> Body:
        """Plain JSON values, the form that is stored."""
        return {
            "format": FORMAT,
            "model": self.model,
            "versions": list(map(_version_body, self.versions.values())),
            "split": _split_body(self.split),
            "released": self.released,
            "released_before": list(self.released_before),
            "rollout": _rollout_body(self.rollout),
            "last": _rollout_body(self.last),
            "queued": _rollout_body(self.queued),
            "flagged": self.flagged,
            "verdict": self.verdict,
        }


def from_body(body: Body, revision: int) -> Ledger:
    """The ledger of a stored body; raises BrokenRecord naming what is wrong. `from_body(to_body())`
    is the identity.
    """
    if not isinstance(body, dict):
        raise _unknown_format(revision, type(body).__name__)
    if body.get("format") not in _READS:
        raise _unknown_format(revision, body.get("format"))

    try:
        ledger = _from_body(body, revision)
        _refuse_contradiction(ledger)
    except (KeyError, TypeError, ValueError, AttributeError, BadWeight) as error:
        raise BrokenRecord(
            f"revision {revision} cannot be read: {type(error).__name__}: {error}"
        ) from error

    return ledger


def _unknown_format(revision: int, form: object) -> BrokenRecord:
    return BrokenRecord(
        f"revision {revision} has format {form!r}: this Sluice reads format {FORMAT}"
    )


def _from_body(body: Body, revision: int) -> Ledger:
    versions = {}
    for row in body["versions"]:
        version = _version(row)
        versions[version.name] = version

    return Ledger(
        model=body["model"],
        revision=revision,
        versions=MappingProxyType(versions),
        split=_split(body["split"]),
        released=body["released"],
        released_before=tuple(body["released_before"]),
        rollout=_rollout(body["rollout"]),
        last=_rollout(body.get("last")),
        queued=_rollout(body.get("queued")),
        flagged=body.get("flagged", False),
        verdict=body.get("verdict"),
    )


def _version_body(version: Version) -> Body:
    return {
        **asdict(version),
        "classes": [*version.classes],
        "segments": segments_body(version.segments),
    }


def _version(row: Body) -> Version:
    # Ledgers before format 3 do not have what a version answers.
    classes, segments = tuple(row.get("classes", ())), segment_columns(row.get("segments"))
    return Version(
        **{**row, "state": State(row["state"]), "classes": classes, "segments": segments}
    )


def _refuse_contradiction(ledger: Ledger) -> None:
    for name in _named_versions(ledger):
        if name not in ledger.versions:
            raise ValueError(f"{name} is named but not among its versions")

    rollout = ledger.rollout
    if rollout and rollout.steps and not 0 <= rollout.step < len(rollout.steps):
        raise ValueError(f"its rollout is at step {rollout.step} of {len(rollout.steps)}")


def _named_versions(ledger: Ledger) -> Iterator[str]:
    if ledger.released is not None:
        yield ledger.released

    yield from ledger.released_before
    if ledger.split is not None:
        yield from ledger.split.weights()
        yield from dict(ledger.split.shadows)

    if ledger.rollout is not None:
        yield ledger.rollout.candidate
        yield ledger.rollout.stable


def _split_body(split: TrafficSplit | None) -> Body | None:
    if split is None:
        return None

    slices = [[piece.start, piece.end, piece.version] for piece in split.slices]
    return {"salt": split.salt, "slices": slices, "shadows": list(map(list, split.shadows))}


def _split(body: Body | None) -> TrafficSplit | None:
    if body is None:
        return None
    slices = tuple(starmap(Slice, body["slices"]))
    return TrafficSplit(body["salt"], slices, tuple(map(tuple, body["shadows"])))


def _rollout_body(rollout: Rollout | None) -> Body | None:
    if rollout is None:
        return None

    body = asdict(rollout)
    body["steps"] = list(map(asdict, rollout.steps))
    body["held"], body["accepted"] = list(rollout.held), list(rollout.accepted)
    if rollout.policy is not None:
        body["policy"] = rollout.policy.to_body()

    return body


def _rollout(body: Body | None) -> Rollout | None:
    if body is None:
        return None

    values = dict(body)
    values["steps"] = tuple(Step(**step) for step in body["steps"])
    # Format 1 knew no rollout that runs by itself.
    values["policy"] = policy_of(body["policy"]) if body.get("policy") else None
    values["held"], values["accepted"] = (
        tuple(body.get("held", ())),
        tuple(body.get("accepted", ())),
    )
    return Rollout(**values)
