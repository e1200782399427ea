"""The picture of now, as one JSON value: the ledger, the router's counts, the processes, the late
labels.

What could not be reached is named under `notes`; the rest is still shown.
"""

import time
from dataclasses import asdict
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
from rollout.state.ledger import Ledger, Rollout, Version
from rollout.state.version_state import LIVE, State
from store import FeedbackStore, LedgerStore, StoreError
from store.entry import Entry
from targets.local.supervisor_client import Process
from targets.registry import on_heroku, processes

EVENTS = 5
Picture = dict[str, Any]


def picture(
    workspace: Workspace, probe: bool = True, now: float | None = None, logs: bool = False
) -> Picture:
    """Everything `status` shows. probe: ask the rollback target for its golden answers; logs: what
    a platform's say.
    """
    notes: list[str] = []
    ledger, events, labels, verdict = _recorded(workspace, notes)
    counts = _counts(workspace, notes)
    processes = _processes(workspace, notes)
    notes += _strays(workspace, ledger, processes)
    notes += _complaints(workspace, ledger) if logs and on_heroku(workspace) else []
    return {
        "model": workspace.settings.model,
        "revision": ledger.revision,
        "record_answers": events is not None,
        "url": router_url(workspace),
        "released": ledger.released,
        "rollout": _rollout(ledger.rollout, time.time() if now is None else now),
        "verdict": verdict,
        "flagged": ledger.flagged,
        "queued": f"{ledger.queued.strategy} of {ledger.queued.candidate}"
        if ledger.queued
        else None,
        "rollback": _rollback(workspace, ledger, probe),
        "failed_requests": counts.get("failed_requests"),
        "since": None
        if not counts
        else "the rollout began"
        if counts.get("since_rollout")
        else "the router's start",
        "worst": counts.get("worst", []),
        "router_revision": counts.get("revision"),
        "workers": counts.get("workers", []),
        "versions": [
            _version(v, ledger, counts, processes, labels.get(v.name))
            for v in _shown(ledger, counts)
        ],
        "events": _events(events or []),
        "notes": notes,
    }


def _recorded(
    workspace: Workspace, notes: list[str]
) -> tuple[Ledger, list[Entry] | None, dict[str, Score], Picture | None]:
    """The ledger, its newest entries (None where the record does not answer), the late labels and
    the verdict.
    """
    model = workspace.settings.model
    try:
        with opened(workspace) as database:
            store = LedgerStore(database, model)
            ledger, events = read_ledger(store), store.history(limit=EVENTS + 1)
            return ledger, events, *_judged(database, ledger, notes)
    except (EdgeFailure, StoreError, BrokenRecord) as error:
        notes.append(str(error))
        return Ledger(model=model), None, {}, None


def _judged(
    database: Engine, ledger: Ledger, notes: list[str]
) -> tuple[dict[str, Score], Picture | None]:
    """The late labels and the verdict; they lie beside the ledger, and without them it is shown all
    the same.
    """
    try:
        labels = FeedbackStore(database, ledger.model)
        return scores(labels.outcomes(), labels.errors()), judged(database, ledger)
    except StoreError as error:
        notes.append(str(error))
        return {}, None


def _counts(workspace: Workspace, notes: list[str]) -> Picture:
    try:
        return router_status(workspace, read_secrets(workspace).operator)
    except (RouterAway, EdgeFailure) as error:
        notes.append(str(error))
        return {}


def _processes(workspace: Workspace, notes: list[str]) -> dict[str, Process]:
    try:
        return processes(workspace)
    except NotRunning as error:
        notes.append(str(error))
    except EdgeFailure as error:
        notes.append(f"what runs cannot be seen: {error}")

    return {}


def _strays(workspace: Workspace, ledger: Ledger, processes: dict[str, Process]) -> list[str]:
    try:
        check_model(workspace)
    except EdgeFailure as error:
        return [str(error)]

    named = {version.program for version in ledger.live()} | {"router"}
    stray = sorted(set(processes) - named)
    if stray:
        return [
            f"{', '.join(stray)} runs and the ledger does not name it: "
            "`python deploy.py up` ends it"
        ]
    return []


def _complaints(workspace: Workspace, ledger: Ledger) -> list[str]:
    from targets.heroku.log_errors import complaints

    return complaints(workspace, ledger)


def _rollout(rollout: Rollout | None, now: float) -> Picture | None:
    if rollout is None:
        return None

    return {
        **rollout.outline(),
        "steps": [asdict(step) for step in rollout.steps],
        "judged": rollout.policy is not None,
        "held": list(rollout.held),
        "next_step_in_s": _next_step_in_s(rollout, now),
        "started_by": rollout.started_by,
        "running_s": round(now - rollout.started_at, 1),
    }


def _next_step_in_s(rollout: Rollout, now: float) -> float | None:
    """Seconds; None where no time is waited for: it is held, or what is missing is requests or a
    proof.
    """
    due = rollout.due_at()
    if due is None or rollout.held or (rollout.policy is not None and due <= now):
        return None
    return max(0.0, round(due - now, 1))


def _rollback(workspace: Workspace, ledger: Ledger, probe: bool) -> Picture | None:
    target = ledger.rollback_target()
    if target is None or target not in ledger.versions:
        return None

    running = ledger.version(target).state in LIVE
    facts = of_running(workspace, ledger, target) if running and probe else None
    return {
        "target": target,
        "running": running,
        "ready": facts.answers_golden_rows if facts else None,
        "because": facts.not_ready_because if facts and not facts.answers_golden_rows else None,
        "command": "python deploy.py rollback",
    }


def _shown(ledger: Ledger, counts: Picture) -> list[Version]:
    answered = {name for name, row in (counts.get("versions") or {}).items() if row.get("requests")}
    return [v for v in ledger.versions.values() if v.state != State.RETIRED or v.name in answered]


def _version(
    version: Version,
    ledger: Ledger,
    counts: Picture,
    processes: dict[str, Process],
    score: Score | None,
) -> Picture:
    row = (counts.get("since_rollout") or counts.get("versions") or {}).get(version.name) or {}
    process = processes.get(version.program)
    shadow = row.get("shadow") or {}
    compared = sum(shadow.get(key) or 0 for key in ("agree", "differ", "error"))
    return {
        "name": version.name,
        "role": _role(version, ledger),
        "state": str(version.state),
        "runtime": version.runtime,
        "process": process.state.lower() if process else None,
        "program": version.program,
        "weight": ledger.weight(version.name) / 100,
        "served": None if row.get("served_share") is None else round(row["served_share"] * 100, 2),
        **{
            key: row.get(key)
            for key in ("requests", "errors", "fallbacks", "p50_ms", "p99_ms", "in_flight")
        },
        "agree": shadow.get("agree", 0) / compared if compared else None,
        "compared": compared,
        "labels": score.labels if score else 0,
        "accuracy": score.accuracy if score else None,
        "accuracy_margin": score.margin if score else None,
        "mean_absolute_error": score.error if score else None,
    }


def _role(version: Version, ledger: Ledger) -> str:
    rollout = ledger.rollout
    if rollout is not None and version.name == rollout.candidate:
        return rollout.strategy
    if version.name == ledger.released:
        if rollout:
            return "stable"
        return "released"

    if version.name == ledger.rollback_target():
        return "way back"
    return str(version.state)


def _events(entries: list[Entry]) -> list[Picture]:
    return [
        _event(entry, about)
        for entry, about in zip(entries, subjects(entries, EVENTS), strict=False)
    ]


def _event(entry: Entry, about: str) -> Picture:
    return {
        "revision": entry.revision,
        "at": entry.at.isoformat(timespec="seconds"),
        "actor": entry.actor,
        "act": entry.action,
        "about": about,
        "reason": entry.reason,
    }
