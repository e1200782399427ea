"""The state of the service now: ledger, router counts, processes and late labels.

What cannot be reached is named in `notes`; the rest is still reported.
"""

import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import Engine

from deployment.accuracy import Score, scores
from deployment.current_verdict import judged
from deployment.facts import of_running
from deployment.history.affected_versions import subjects
from deployment.router_client import RouterAway, check_model, router_status, router_url
from deployment.workspace.errors import EdgeFailure, NotRunning
from deployment.workspace.ledger import opened, read_ledger
from deployment.workspace.secrets import read_secrets
from deployment.workspace.workspace import Workspace
from rollout.errors import BrokenRecord
from rollout.state.ledger import Ledger, Rollout, Step, Version
from rollout.state.version_state import LIVE, State
from store import FeedbackStore, LedgerStore, StoreError
from store.entry import Entry
from targets.base import Process
from targets.registry import open_target

EVENTS = 5
NO_SCORE = Score(0, None, None, None)
Json = dict[str, Any]


@dataclass(frozen=True)
class RolloutStatus:
    """The rollout in progress. step: from 1, None without steps; judged: the controller decides.

    next_step_in_s: None while the next step does not wait for the clock."""

    strategy: str
    candidate: str
    stable: str
    step: int | None
    paused: bool
    steps: tuple[Step, ...]
    judged: bool
    held: tuple[str, ...]
    next_step_in_s: float | None
    started_by: str
    running_s: float


@dataclass(frozen=True)
class RollbackStatus:
    """The rollback target. ready: whether it gives its golden answers, None if it was not asked."""

    target: str
    running: bool
    ready: bool | None
    because: str | None
    command: str


@dataclass(frozen=True)
class VersionStatus:
    """One version. weight and served: percent of the traffic, as asked and as the router serves it.

    Counts and times are the router's, None where it does not answer; agree: share of `compared`
    shadow answers; accuracy and mean_absolute_error: of `labels` late labels."""

    name: str
    role: str
    state: str
    runtime: str
    process: str | None
    program: str
    weight: float
    served: float | None
    requests: int | None
    errors: int | None
    fallbacks: int | None
    p50_ms: float | None
    p99_ms: float | None
    in_flight: int | None
    agree: float | None
    compared: int
    labels: int
    accuracy: float | None
    accuracy_margin: float | None
    mean_absolute_error: float | None

    @property
    def is_unhealthy(self) -> bool:
        """Whether its process is known and neither runs nor starts."""
        return self.process not in (None, "running", "starting")


@dataclass(frozen=True)
class RecentAct:
    """One act of the ledger. at: ISO 8601, UTC; about: the versions it changed."""

    revision: int
    at: str
    actor: str
    act: str
    about: str
    reason: str


@dataclass(frozen=True)
class Status:
    """What `status` and `watch` show, and `--json` prints under the same names.

    record_answers: whether the ledger could be read; verdict: the current one, as stored;
    since: when the router's counts began; worst, workers, drift: as the router reports them."""

    model: str
    revision: int
    record_answers: bool
    url: str | None
    released: str | None
    rollout: RolloutStatus | None
    verdict: Json | None
    flagged: bool
    queued: str | None
    rollback: RollbackStatus | None
    failed_requests: int | None
    since: str | None
    worst: list[Json]
    router_revision: int | None
    workers: list[Json]
    drift: Json | None
    versions: list[VersionStatus]
    events: list[RecentAct]
    notes: list[str]

    @property
    def candidate(self) -> VersionStatus | None:
        """The version that the rollout in progress is about, None without one."""
        if self.rollout is None:
            return None

        for version in self.versions:
            if version.name == self.rollout.candidate:
                return version

        return None

    def to_json(self) -> Json:
        """The same as plain JSON."""
        return asdict(self)


@dataclass(frozen=True)
class _Record:
    """What the database holds. entries: the newest acts, None where it cannot be read."""

    ledger: Ledger
    entries: list[Entry] | None
    scores: dict[str, Score]
    verdict: Json | None


def read_status(
    workspace: Workspace, probe: bool = True, now: float | None = None, logs: bool = False
) -> Status:
    """Read everything.

    probe: ask the rollback target for its golden answers
    now: epoch seconds, by default the clock's
    logs: also read the error codes in the platform's logs
    """
    notes: list[str] = []
    record = _read_record(workspace, notes)
    ledger = record.ledger
    counts = _read_counts(workspace, notes)
    running = _read_processes(workspace, notes)
    notes += _stray_processes(workspace, ledger, running)
    if logs:
        notes += _log_errors(workspace, ledger)

    if now is None:
        now = time.time()

    return Status(
        model=workspace.settings.model,
        revision=ledger.revision,
        record_answers=record.entries is not None,
        url=router_url(workspace),
        released=ledger.released,
        rollout=_rollout(ledger.rollout, now),
        verdict=record.verdict,
        flagged=ledger.flagged,
        queued=_queued(ledger),
        rollback=_rollback(workspace, ledger, probe),
        failed_requests=counts.get("failed_requests"),
        since=_since(counts),
        worst=counts.get("worst", []),
        router_revision=counts.get("revision"),
        workers=counts.get("workers", []),
        drift=counts.get("drift"),
        versions=list(_versions(record, counts, running)),
        events=list(_events(record.entries or [])),
        notes=notes,
    )


def _read_record(workspace: Workspace, notes: list[str]) -> _Record:
    model = workspace.settings.model
    try:
        with opened(workspace) as database:
            store = LedgerStore(database, model)
            ledger, entries = read_ledger(store), store.history(limit=EVENTS + 1)
            return _Record(ledger, entries, *_read_evidence(database, ledger, notes))
    except (EdgeFailure, StoreError, BrokenRecord) as error:
        notes.append(str(error))
        return _Record(Ledger(model=model), None, {}, None)


def _read_evidence(
    database: Engine, ledger: Ledger, notes: list[str]
) -> tuple[dict[str, Score], Json | None]:
    """The accuracy by version and the current verdict.

    Both are tables beside the ledger: without them the ledger is still shown."""
    try:
        labels = FeedbackStore(database, ledger.model)
        return scores(labels.outcomes(), labels.errors()), judged(database, ledger)
    except StoreError as error:
        notes.append(str(error))
        return {}, None


def _read_counts(workspace: Workspace, notes: list[str]) -> Json:
    try:
        return router_status(workspace, read_secrets(workspace).operator)
    except (RouterAway, EdgeFailure) as error:
        notes.append(str(error))
        return {}


def _read_processes(workspace: Workspace, notes: list[str]) -> dict[str, Process]:
    try:
        with open_target(workspace) as target:
            return target.processes()
    except NotRunning as error:
        notes.append(str(error))
    except EdgeFailure as error:
        notes.append(f"what runs cannot be seen: {error}")

    return {}


def _stray_processes(
    workspace: Workspace, ledger: Ledger, running: dict[str, Process]
) -> list[str]:
    try:
        check_model(workspace)
    except EdgeFailure as error:
        return [str(error)]

    known = {version.program for version in ledger.live()}
    stray = sorted(running.keys() - known - {"router"})
    if stray:
        return [
            f"{', '.join(stray)} runs and the ledger does not name it: "
            "`python deploy.py up` ends it"
        ]
    return []


def _log_errors(workspace: Workspace, ledger: Ledger) -> list[str]:
    with open_target(workspace) as target:
        return target.log_errors(ledger)


def _queued(ledger: Ledger) -> str | None:
    if ledger.queued is None:
        return None
    return f"{ledger.queued.strategy} of {ledger.queued.candidate}"


def _since(counts: Json) -> str | None:
    if not counts:
        return None
    if counts.get("since_rollout"):
        return "the rollout began"
    return "the router's start"


def _rollout(rollout: Rollout | None, now: float) -> RolloutStatus | None:
    if rollout is None:
        return None

    return RolloutStatus(
        **rollout.outline(),
        steps=rollout.steps,
        judged=rollout.policy is not None,
        held=tuple(rollout.held),
        next_step_in_s=_next_step_in_s(rollout, now),
        started_by=rollout.started_by,
        running_s=round(now - rollout.started_at, 1),
    )


def _next_step_in_s(rollout: Rollout, now: float) -> float | None:
    """Seconds; None if it is held, or if it waits for requests or for proof."""
    due = rollout.due_at()
    if due is None or rollout.held or (rollout.policy is not None and due <= now):
        return None
    return max(0.0, round(due - now, 1))


def _rollback(workspace: Workspace, ledger: Ledger, probe: bool) -> RollbackStatus | None:
    target = ledger.rollback_target()
    if target is None or target not in ledger.versions:
        return None

    running = ledger.version(target).state in LIVE
    ready, because = None, None
    if running and probe:
        facts = of_running(workspace, ledger, target)
        ready = facts.answers_golden_rows
        if not ready:
            because = facts.not_ready_because

    return RollbackStatus(target, running, ready, because, "python deploy.py rollback")


def _versions(
    record: _Record, counts: Json, running: dict[str, Process]
) -> Iterator[VersionStatus]:
    """The versions that are not retired, and those that answered since the router's start."""
    since_start = counts.get("versions") or {}
    rows = counts.get("since_rollout") or since_start
    for name, version in record.ledger.versions.items():
        answered = (since_start.get(name) or {}).get("requests")
        if version.state != State.RETIRED or answered:
            score = record.scores.get(name, NO_SCORE)
            process = running.get(version.program)
            yield _version(version, record.ledger, rows.get(name) or {}, process, score)


def _version(
    version: Version, ledger: Ledger, counts: Json, process: Process | None, score: Score
) -> VersionStatus:
    """One version. counts: the router's of this version, empty without any."""
    agree, compared = _agreement(counts.get("shadow") or {})
    return VersionStatus(
        name=version.name,
        role=_role(version, ledger),
        state=str(version.state),
        runtime=version.runtime,
        process=process.state.lower() if process else None,
        program=version.program,
        weight=ledger.weight(version.name) / 100,
        served=_percent(counts.get("served_share")),
        requests=counts.get("requests"),
        errors=counts.get("errors"),
        fallbacks=counts.get("fallbacks"),
        p50_ms=counts.get("p50_ms"),
        p99_ms=counts.get("p99_ms"),
        in_flight=counts.get("in_flight"),
        agree=agree,
        compared=compared,
        labels=score.labels,
        accuracy=score.accuracy,
        accuracy_margin=score.margin,
        mean_absolute_error=score.error,
    )


def _percent(share: float | None) -> float | None:
    if share is None:
        return None
    return round(share * 100, 2)


def _agreement(shadow: Json) -> tuple[float | None, int]:
    """The share of compared shadow answers that agree, and how many were compared."""
    compared = sum(shadow.get(outcome) or 0 for outcome in ("agree", "differ", "error"))
    if not compared:
        return None, 0
    return shadow.get("agree", 0) / compared, compared


def _role(version: Version, ledger: Ledger) -> str:
    rollout = ledger.rollout
    if rollout is not None and version.name == rollout.candidate:
        return rollout.strategy

    if version.name == ledger.released:
        if rollout:
            return "stable"
        return "released"

    if version.name == ledger.rollback_target():
        return "rollback target"
    return str(version.state)


def _events(entries: list[Entry]) -> Iterator[RecentAct]:
    for entry, about in zip(entries, subjects(entries, EVENTS), strict=False):
        at = entry.at.isoformat(timespec="seconds")
        yield RecentAct(entry.revision, at, entry.actor, entry.action, about, entry.reason)
