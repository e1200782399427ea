"""The traffic that a rollout will meet: as the router counted it lately, or as somebody says."""

from dataclasses import dataclass, field, replace

from deployment.router_client import RouterAway, router_status
from deployment.workspace.errors import BadOption, EdgeFailure
from deployment.workspace.ledger import opened, read_ledger
from deployment.workspace.secrets import read_secrets
from deployment.workspace.workspace import Workspace
from rollout.decide.side_effects import versions_with_side_effects
from rollout.forecast.traffic import Pace, Traffic
from rollout.settings import Settings
from rollout.verdict.baseline import enough, reference_of
from rollout.verdict.evidence import NO_ROLLOUT
from rollout.verdict.evidence_snapshot import history_of
from store import EvidenceStore, LedgerStore, StoreError

MOST_RATE = 1e6
"""Requests a second; more is a slip of the fingers."""


@dataclass(frozen=True)
class KnownTraffic:
    """The traffic, None where nobody knows it, and how evidence is made of it.

    source: where it is from, or why it is not known.
    """

    traffic: Traffic | None
    source: str
    pace: Pace = field(default_factory=Pace)


def known_traffic(workspace: Workspace, name: str, rate: float | None = None) -> KnownTraffic:
    """The traffic that a rollout of `name` will meet, with what is normal of the released version.

    rate: requests a second to expect instead of those that came lately. Raises BadOption.
    """
    known = _lately(workspace) if rate is None else _expected(rate)
    if known.traffic is None:
        return known

    try:
        return _with_record(workspace, name, known.traffic, known.source)
    except StoreError:
        # Without them it is planned for the usual rate of errors.
        return replace(known, pace=pace(workspace.settings))


def pace(settings: Settings, paired: bool = True) -> Pace:
    """How a router with these settings makes evidence of requests. paired: by asking both versions
    some of them.
    """
    judging = settings.verdict
    return Pace(
        workers=settings.router.workers,
        pairs_per_s=judging.pairs_per_s if paired else 0.0,
        compare_s=judging.compare_ms / 1000,
        cold_s=judging.cold_s,
    )


def _expected(rate: float) -> KnownTraffic:
    if not 0 < rate <= MOST_RATE:
        raise BadOption(f"--rate is requests a second, above 0 and at most {MOST_RATE:,.0f}")
    return KnownTraffic(Traffic(rate), "--rate")


def _lately(workspace: Workspace) -> KnownTraffic:
    try:
        status = router_status(workspace, read_secrets(workspace).operator)
    except (RouterAway, EdgeFailure) as error:
        return KnownTraffic(None, str(error))

    recent = status.get("recent")
    if not recent:
        return KnownTraffic(None, "too few requests came lately")

    source = f"{recent['requests']:,} requests in the last {_minutes(recent['seconds'])}"
    return KnownTraffic(Traffic(recent["rate"], recent["requests"]), source)


def _minutes(seconds: float) -> str:
    if seconds < 90:
        return "minute"
    return f"{seconds / 60:.0f} minutes"


def _with_record(workspace: Workspace, name: str, traffic: Traffic, source: str) -> KnownTraffic:
    """The same with what ledger and counts say of both versions."""
    with opened(workspace) as database:
        model = workspace.settings.model
        ledger = read_ledger(LedgerStore(database, model))
        counted = EvidenceStore(database, model).counted(NO_ROLLOUT)

    paired = not versions_with_side_effects(ledger, (name, ledger.released or ""))
    history = history_of(counted, ledger.released or "")
    if enough(history):
        answered = sum(history.get("finished", {}).values())
        traffic = replace(traffic, reference=reference_of(history), answered=answered)

    return KnownTraffic(traffic, source, pace(workspace.settings, paired))
