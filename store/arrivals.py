"""Samples of what had arrived of a rollout, so that whoever looks knows how fast it arrives.

The newest samples stand in one row of the evidence's table, under a name beside the rollout's."""

from typing import Any

from sqlalchemy import Engine

from store.evidence import EvidenceRow, EvidenceStore

SUFFIX = " arrivals"
Sample = list[Any]
"""As plain JSON; its first element is the time, and only grows."""


class ArrivalStore:
    """The samples of one model's rollouts. Raises as EvidenceStore does."""

    def __init__(self, engine: Engine, model: str) -> None:
        self._evidence = EvidenceStore(engine, model)

    def keep(
        self, source: str, serial: int, rollout: str, samples: list[Sample], capacity: str
    ) -> None:
        """Store the newest samples of a rollout in place of those that `source` stored before.

        serial: grows with each call of one source; capacity: what is known of it now, in words.
        """
        body = {"samples": samples, "capacity": capacity}
        self._evidence.flush(source, serial, [EvidenceRow(rollout + SUFFIX, "", 0, body)])

    def of(self, rollout: str) -> list[Sample]:
        """Return all samples of a rollout, whoever stored them, the oldest first."""
        samples: list[Sample] = []
        for body in self._bodies(rollout):
            samples += body["samples"]

        return sorted(samples, key=_time)

    def capacity(self, rollout: str) -> str:
        """Return what was known of its capacity when the newest sample was stored."""
        newest = max(self._bodies(rollout), key=_newest, default={"capacity": ""})
        return str(newest["capacity"])

    def _bodies(self, rollout: str) -> list[dict[str, Any]]:
        return [row.body for row in self._evidence.of(rollout + SUFFIX)]


def _newest(body: dict[str, Any]) -> float:
    return max(map(_time, body["samples"]), default=0.0)


def _time(sample: Sample) -> float:
    return float(sample[0])
