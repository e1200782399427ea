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
        self, source: str, serial: int, rollout: str, version: str, samples: list[Sample]
    ) -> None:
        """Store the newest samples of a rollout in place of those that `source` stored before.

        version: the candidate; serial: grows with each call of one source.
        """
        row = EvidenceRow(rollout + SUFFIX, version, 0, {"samples": samples})
        self._evidence.flush(source, serial, [row])

    def of(self, rollout: str) -> list[Sample]:
        """Return all samples of a rollout, whoever stored them, the oldest first."""
        samples: list[Sample] = []
        for row in self._evidence.of(rollout + SUFFIX):
            samples += row.body["samples"]

        return sorted(samples, key=_time)


def _time(sample: Sample) -> float:
    return float(sample[0])
