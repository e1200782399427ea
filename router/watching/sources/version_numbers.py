"""The numbers of versions, of the router's own counts or of the history's."""

from collections.abc import Mapping
from typing import Any

from rollout.history.series import VersionCounts
from router.watching.sources.page_sources import VersionNumbers


def of_status(rows: Mapping[str, Mapping[str, Any]]) -> dict[str, VersionNumbers]:
    """Of the `versions` that GET /status has."""
    numbers = {}
    for name, row in rows.items():
        shadow = row["shadow"]
        numbers[name] = VersionNumbers(
            requests=row["requests"],
            errors=row["errors"],
            fallbacks=row["fallbacks"],
            p50_ms=row["p50_ms"],
            p99_ms=row["p99_ms"],
            served=row["served_share"],
            in_flight=row["in_flight"],
            queue_rows=row["queue_rows"],
            agree=shadow["agree"],
            differ=shadow["differ"],
            failed_copies=shadow["error"],
            dropped=shadow["dropped"],
        )

    return numbers


def of_history(counts: Mapping[str, VersionCounts]) -> dict[str, VersionNumbers]:
    """Of what was counted in a time."""
    numbers = {}
    for name, counted in counts.items():
        shadow = counted.of("shadow")
        numbers[name] = VersionNumbers(
            requests=counted.requests,
            errors=counted.errors,
            fallbacks=counted.fallbacks,
            p50_ms=counted.p50_ms,
            p99_ms=counted.p99_ms,
            served=counted.served_share,
            agree=int(shadow.get("agree", 0)),
            differ=int(shadow.get("differ", 0)),
            failed_copies=int(shadow.get("error", 0)),
            dropped=int(shadow.get("dropped", 0)),
            batch_rows=counted.batch_rows,
        )

    return numbers
