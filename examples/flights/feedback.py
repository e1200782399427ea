"""Sends the true labels of earlier predictions to the router, in lists."""

import json
from collections import Counter
from collections.abc import Callable, Sequence

import msgspec

from examples.flights.client import Client

FEEDBACK_ROWS = 500


async def send_feedback(
    url: str,
    pending: Sequence[tuple[str, int]],
    *,
    headers: dict[str, str] | None = None,
    progress: Callable[[int], None] | None = None,
    timeout_s: float = 30.0,
) -> Counter[str]:
    """Send (prediction id, late) pairs to /feedback; returns how many were counted or not.

    The keys are counted, duplicates and invalid. `progress` is called with the number sent so far.
    Raises RuntimeError when a list is refused, OSError when the router does not answer; sending the
    same pairs again does no harm, as each counts once.
    """
    counts: Counter[str] = Counter(counted=0, duplicates=0, invalid=0)
    client = Client(url, timeout_s, headers)
    try:
        for start in range(0, len(pending), FEEDBACK_ROWS):
            part = pending[start : start + FEEDBACK_ROWS]
            counts.update(await _send_list(client, part))
            if progress:
                progress(start + len(part))
    finally:
        client.close()

    return counts


async def _send_list(client: Client, part: Sequence[tuple[str, int]]) -> dict[str, int]:
    body = msgspec.json.encode([{"prediction_id": name, "label": late} for name, late in part])
    answer = await client.post("/feedback", body)
    if answer.status != 200:
        raise RuntimeError(
            f"/feedback answered {answer.status}: {answer.body[:500].decode(errors='replace')}"
        )

    counts = json.loads(answer.body)
    return {
        "counted": counts["counted"],
        "duplicates": counts["duplicates"],
        "invalid": len(counts.get("invalid") or ()) + counts.get("invalid_not_listed", 0),
    }
