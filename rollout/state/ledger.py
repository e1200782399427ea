"""The ledger as one immutable value: versions, who answers whom, and the rollout in progress."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from types import MappingProxyType
from typing import Any

from rollout.errors import BadWeight, BrokenRecord, NothingToDo, RolloutInProgress, UnknownVersion
from rollout.state.classes import Answers, ClassValue, answers_of
from rollout.state.policy import Policy, policy_of
from rollout.state.split import Slice, TrafficSplit
from rollout.state.version_state import LIVE, Event, State, after

FORMAT = 3
_READS = (1, 2, FORMAT)
Body = dict[str, Any]


@dataclass(frozen=True)
class Version:
    """One deployed version.

    address: where its service listens (`unix:/path` or `http://host:port`); program: the process
    group that runs it. digest: SHA-256 of its manifest; proven_at: epoch seconds of its last golden
    answer. task, classes, output: what it answers, as its manifest has it; empty where it was
    deployed before the ledger kept that."""

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

    @property
    def answers(self) -> Answers:
        """What it answers."""
        return answers_of(self.task, self.classes, self.output)


@dataclass(frozen=True)
class Step:
    """Weight of the candidate (basis points) and how long to hold it (seconds; None: until
    told).
    """

    weight: int
    hold_s: float | None = None


@dataclass(frozen=True)
class Rollout:
    """A rollout in progress: its plan, made before it started, and where it stands in it.

    policy: how the conductor judges it; None where it does not run by itself. held: why the
    conductor holds its weight; accepted: what a person has looked at and lets pass."""

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

    def told(self) -> Body:
        """Who against whom, by what, and where it stands, as plain JSON; its steps count from 1."""
        return {
            "strategy": self.strategy,
            "candidate": self.candidate,
            "stable": self.stable,
            "step": self.step + 1 if self.steps else None,
            "paused": self.paused,
        }

    def due_at(self) -> float | None:
        """Epoch seconds of the next step, or None where the clock does not decide."""
        hold = self.steps[self.step].hold_s if self.steps else None
        if self.paused or hold is None:
            return None
        return self.step_since + hold - self.held_s


@dataclass(frozen=True)
class Ledger:
    """One revision.

    released_before: the stack of rollback targets, newest last. last: the rollout that ended with a
    release, whose late labels still count; flagged: they spoke against it. queued: begins when the
    one in progress has ended. verdict: what stood behind this revision, as plain JSON."""

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
            there = ", ".join(self.versions) or "none yet"
            raise UnknownVersion(
                f"{name} has never been deployed (deployed: {there}): run `python deploy.py "
                f"deploy {name}` first"
            )

        return self.versions[name]

    def live(self) -> tuple[Version, ...]:
        """Versions with a running process."""
        return tuple(v for v in self.versions.values() if v.state in LIVE)

    def weight(self, name: str) -> int:
        """Basis points of the traffic that version answers."""
        if self.split:
            return self.split.weight(name)
        return 0

    def rollback_target(self) -> str | None:
        """Where `rollback` would send the traffic now: the stable version of a rollout, else the
        last released one.
        """
        rollout = self.rollout
        if rollout is not None and self.weight(rollout.candidate) > 0:
            return rollout.stable
        if self.released_before:
            return self.released_before[-1]
        return None

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
            f"{rollout.started_by}): "
            f"`python deploy.py abort` or `python deploy.py promote {rollout.candidate}` first"
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
            "versions": [
                {**asdict(version), "classes": [*version.classes]}
                for version in self.versions.values()
            ],
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
    form = body.get("format") if isinstance(body, dict) else type(body).__name__
    if form not in _READS:
        raise BrokenRecord(
            f"revision {revision} has format {form!r}: this Sluice reads format {FORMAT}"
        )

    try:
        ledger = _from_body(body, revision)
        _refuse_contradiction(ledger)
    except (KeyError, TypeError, ValueError, AttributeError, BadWeight) as error:
        raise BrokenRecord(
            f"revision {revision} cannot be read: {type(error).__name__}: {error}"
        ) from error

    return ledger


def _from_body(body: Body, revision: int) -> Ledger:
    versions = [_version(row) for row in body["versions"]]
    return Ledger(
        model=body["model"],
        revision=revision,
        versions=MappingProxyType({version.name: version for version in versions}),
        split=_split(body["split"]),
        released=body["released"],
        released_before=tuple(body["released_before"]),
        rollout=_rollout(body["rollout"]),
        last=_rollout(body.get("last")),
        queued=_rollout(body.get("queued")),
        flagged=body.get("flagged", False),
        verdict=body.get("verdict"),
    )


def _version(row: Body) -> Version:
    # Before format 3 it was not kept what a version answers.
    return Version(
        **{**row, "state": State(row["state"]), "classes": tuple(row.get("classes", ()))}
    )


def _refuse_contradiction(ledger: Ledger) -> None:
    split, rollout = ledger.split, ledger.rollout
    answering = (*split.weights(), *(name for name, _ in split.shadows)) if split else ()
    rolling = (rollout.candidate, rollout.stable) if rollout else ()
    for name in (ledger.released, *ledger.released_before, *answering, *rolling):
        if name is not None and name not in ledger.versions:
            raise ValueError(f"{name} is named but not among its versions")

    if rollout and rollout.steps and not 0 <= rollout.step < len(rollout.steps):
        raise ValueError(f"its rollout is at step {rollout.step} of {len(rollout.steps)}")


def _split_body(split: TrafficSplit | None) -> Body | None:
    if split is None:
        return None

    slices = [[piece.start, piece.end, piece.version] for piece in split.slices]
    return {
        "salt": split.salt,
        "slices": slices,
        "shadows": [list(shadow) for shadow in split.shadows],
    }


def _split(body: Body | None) -> TrafficSplit | None:
    if body is None:
        return None
    shadows = tuple((version, share) for version, share in body["shadows"])
    return TrafficSplit(body["salt"], tuple(Slice(*piece) for piece in body["slices"]), shadows)


def _rollout_body(rollout: Rollout | None) -> Body | None:
    if rollout is None:
        return None

    steps = [asdict(step) for step in rollout.steps]
    lists = {"steps": steps, "held": [*rollout.held], "accepted": [*rollout.accepted]}
    return {
        **asdict(rollout),
        **lists,
        "policy": rollout.policy.to_body() if rollout.policy else None,
    }


def _rollout(body: Body | None) -> Rollout | None:
    if body is None:
        return None

    read: Body = {"steps": tuple(Step(**step) for step in body["steps"])}
    # Format 1 knew no rollout that runs by itself.
    policy = body.get("policy")
    read |= {"policy": policy_of(policy) if policy else None}
    read |= {name: tuple(body.get(name, ())) for name in ("held", "accepted")}
    return Rollout(**{**body, **read})
