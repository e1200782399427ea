"""GET /status: the data of `deploy.py status` and of the operator's page, as JSON."""

from typing import Any

import msgspec

from rollout.verdict.bins import bin_edge_ms
from rollout.verdict.evidence import summed
from router.dispatch.routing_table import RoutingTable
from router.endpoints.metrics_text import drawn_counts, shares
from router.evidence.recent_rate import WINDOWS_S
from router.evidence.worker_metrics import Key, Snapshot, split_keys

Counted = dict[Key, float]
MOST_WORST = 10
ENOUGH, PLENTY = 20, 100
"""Requests that say a rate, and those that say it so well that older ones are not looked at."""


def status(table: RoutingTable, snapshots: list[Snapshot], with_rows: bool) -> dict[str, Any]:
    """The revision of the slowest worker, the split as set and as served, and counts per version.

    with_rows: also the rows on which shadows differ most, which are users' data.
    recent: the rate of requests, None while it is not known. since_rollout has the counts since the
    rollout in progress began, None without one."""
    live = [snapshot for snapshot in snapshots if not snapshot.gone]
    counts = split_keys(summed(snapshot.counts for snapshot in snapshots))
    gauges = split_keys(summed(snapshot.gauges for snapshot in live))
    drawn = drawn_counts(gauges, table.split_id)
    served = shares(drawn)
    names = {key[1] for key in counts if key[0] in ("requests", "shadow")}
    names |= set(table.addresses)

    def versions(counted: Counted) -> dict[str, Any]:
        return {name: _version(name, counted, gauges, drawn, served) for name in sorted(names)}

    body = {
        "model": table.ledger.model,
        "revision": min((snapshot.revision for snapshot in live), default=0),
        "workers": list(map(_worker, live)),
        "asked": dict(table.weights),
        "failed_requests": _failed_requests(counts),
        "recent": recent_traffic(list(map(split_keys, (snapshot.gauges for snapshot in live)))),
        "versions": versions(counts),
        "since_rollout": None,
    }
    if table.rollout_id:
        same = [snapshot.since for snapshot in snapshots if snapshot.rollout == table.rollout_id]
        body["since_rollout"] = versions(split_keys(summed(same)))

    if with_rows:
        body["worst"] = _worst(live)

    return body


def _worker(snapshot: Snapshot) -> dict[str, Any]:
    return {
        "pid": snapshot.pid,
        "revision": snapshot.revision,
        "ledger_age_s": round(snapshot.ledger_age_s, 2),
    }


def recent_traffic(workers: list[Counted]) -> dict[str, float] | None:
    """Requests a second of all workers, in the shortest of the last minutes with enough of them.

    None while they are too few to say a rate. requests, seconds: what it was measured by.
    """
    recent = None
    for window in map(str, WINDOWS_S):
        seconds = max((gauges.get(("recent_s", window), 0.0) for gauges in workers), default=0.0)
        rate = sum(gauges.get(("recent_rate", window), 0.0) for gauges in workers)
        requests = rate * seconds
        if requests >= ENOUGH or (requests and seconds >= max(WINDOWS_S)):
            recent = {"rate": rate, "requests": round(requests), "seconds": round(seconds)}
        if requests >= PLENTY:
            break

    return recent


def _failed_requests(counts: Counted) -> int:
    """Requests that got an error of the server."""
    return int(sum(n for key, n in counts.items() if key[0] == "refused" and int(key[1]) >= 500))


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
    """The rows on which shadows differ most, of all workers."""
    rows = sorted((row for snapshot in live for row in snapshot.worst), key=lambda row: -row.gap)
    return [msgspec.structs.asdict(row) for row in rows[:MOST_WORST]]


def quantile_ms(bins: dict[str, float], q: float) -> float | None:
    """The q-quantile of logarithmic bins (upper edge, milliseconds); None without data."""
    total = sum(bins.values())
    if not total:
        return None

    reached = 0.0
    for index in sorted(map(int, bins)):
        reached += bins[str(index)]
        if reached >= q * total:
            return round(bin_edge_ms(index), 3)

    return None


def _by_last(counts: dict[Key, float], prefix: str, version: str) -> dict[str, float]:
    values: dict[str, float] = {}
    for key, value in counts.items():
        if key[0] == prefix and key[1] == version:
            values[key[-1]] = values.get(key[-1], 0) + value

    return values
