"""Measurements made of chunks as the generator writes them."""

import numpy as np

from load.engine.plan import COLUMN_TYPES, LoadChunk
from load.measurement import Measurement


def chunk(
    requests: list[tuple[float, float, float, int, int, int]],
    at: float,
    versions: tuple[str, ...] = ("v1", "v2"),
    **more: object,
) -> LoadChunk:
    """requests: (intended, sent, answered, status, version, flags) each."""
    columns = [
        np.array([request[place] for request in requests], dtype).tobytes()
        for place, dtype in enumerate(COLUMN_TYPES)
    ]
    return LoadChunk({"load": columns}, list(versions), at, **{"busy": 0.1, **more})


def measured(
    count: int = 1_000,
    ms: float = 2.0,
    delay_ms: float = 0.1,
    status: int = 200,
    bad: int = 0,
    flags: int = 0,
    seconds: float = 10.0,
    **more: object,
) -> Measurement:
    """A run of that many requests, the last `bad` of which had another status; latencies around
    `ms`.
    """
    made, step = Measurement(seconds, float(count)), seconds / count
    requests = []
    for number in range(count):
        is_bad = number >= count - bad
        due = number * step
        took = ms / 1000 * (0.5 + number % 100 / 100)
        one = (due, due + delay_ms / 1000, due + took, status if is_bad else 200, 0, 0)
        requests.append((*one[:5], flags) if is_bad else one)

    made.add(chunk(requests, seconds, last=True, **more))
    return made
