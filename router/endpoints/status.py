"""GET /status: what `deploy.py status` and the operator's page show, as one JSON value."""

from typing import Any

import msgspec

from rollout.verdict.bins import bin_edge_ms
from rollout.verdict.evidence import summed
from router.dispatch.routing_table import RoutingTable
from router.endpoints.metrics_text import drawn_counts, shares
from router.evidence.worker_metrics import Key, Snapshot, split_key

Counted = dict[Key, float]
MOST_WORST = 10


def status(table: RoutingTable, snapshots: list[Snapshot], with_rows: bool) -> dict[str, Any]:
    """Revision of the slowest worker, the split asked and served, and per version what it did since
    start.

    since_rollout: the same since the rollout in progress began, None without one. with_rows: also
    the rows on which shadows differ most, which are users' own."""
    live = [snapshot for snapshot in snapshots if not snapshot.gone]
    counts = _parts(summed(snapshot.counts for snapshot in snapshots))
    gauges = _parts(summed(snapshot.gauges for snapshot in live))
    rollout = table.ledger.rollout.id if table.ledger.rollout is not None else ""
    told = (
        _parts(summed(each.since for each in snapshots if each.rollout == rollout))
        if rollout
        else {}
    )
    seen = {key[1] for key in counts if key[0] in ("requests", "shadow")} | set(table.addresses)
    drawn = drawn_counts(gauges, table.split_id)
    served = shares(drawn)
    return {
        "model": table.ledger.model,
        "revision": min((snapshot.revision for snapshot in live), default=0),
        "workers": [
            {"pid": s.pid, "revision": s.revision, "ledger_age_s": round(s.ledger_age_s, 2)}
            for s in live
        ],
        "asked": dict(table.weights),
        "failed_requests": int(
            sum(n for key, n in counts.items() if key[0] == "refused" and int(key[1]) >= 500)
        ),
        "versions": {
            version: _version(version, counts, gauges, drawn, served) for version in sorted(seen)
        },
        "since_rollout": {
            version: _version(version, told, gauges, drawn, served) for version in sorted(seen)
        }
        if rollout
        else None,
        **({"worst": _worst(live)} if with_rows else {}),
    }


def _version(
    version: str,
    counts: Counted,
    gauges: Counted,
    drawn: dict[str, float],
    served: dict[str, float],
) -> dict[str, Any]:
    codes = _by_last(counts, "requests", version)
    bins = _by_last(counts, "latency", version)
    shadow = _by_last(counts, "shadow", version)
    return {
        "requests": int(sum(codes.values())),
        "errors": int(sum(n for code, n in codes.items() if int(code) >= 500)),
        "fallbacks": int(sum(_by_last(counts, "fallback", version).values())),
        "p50_ms": quantile_ms(bins, 0.5),
        "p99_ms": quantile_ms(bins, 0.99),
        "in_flight": int(gauges.get(("in_flight", version), 0)),
        "queue_rows": int(gauges.get(("queue_rows", version), 0)),
        "served_share": round(served.get(version, 0.0), 4),
        "drawn": int(drawn.get(version, 0)),
        "shadow": {
            **{outcome: int(shadow.get(outcome, 0)) for outcome in ("agree", "differ", "error")},
            "dropped": int(counts.get(("shadow_dropped", version), 0)),
        },
        "addresses": {
            key[2]: int(n) for key, n in gauges.items() if key[:2] == ("address", version)
        },
    }


def _worst(live: list[Snapshot]) -> list[dict[str, Any]]:
    """Of all workers the rows on which shadows differ most."""
    rows = sorted((row for snapshot in live for row in snapshot.worst), key=lambda row: -row.gap)
    return [msgspec.structs.asdict(row) for row in rows[:MOST_WORST]]


def quantile_ms(bins: dict[str, float], q: float) -> float | None:
    """The q-quantile of logarithmic bins (upper edge, milliseconds); None without data."""
    total = sum(bins.values())
    if not total:
        return None

    reached = 0.0
    for index in sorted(int(i) for i in bins):
        reached += bins[str(index)]
        if reached >= q * total:
            return round(bin_edge_ms(index), 3)

    return None


def _by_last(counts: dict[Key, float], prefix: str, version: str) -> dict[str, float]:
    found: dict[str, float] = {}
    for key, value in counts.items():
        if key[0] == prefix and key[1] == version:
            found[key[-1]] = found.get(key[-1], 0) + value
    return found


def _parts(flat: dict[str, float]) -> dict[Key, float]:
    return {split_key(joined): value for joined, value in flat.items()}
