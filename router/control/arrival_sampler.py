"""Keeps, each few seconds, what has arrived of the rollout in progress."""

import logging
from collections import deque
from dataclasses import replace

from rollout.verdict.arrivals import EVERY_S, KEPT, Arrivals, arrivals_of_body
from rollout.verdict.report import JudgingInput
from store.arrivals import ArrivalStore
from store.errors import StoreError

log = logging.getLogger("sluice.conductor")


class ArrivalSampler:
    """The samples of one rollout at a time, those of earlier controllers included."""

    def __init__(self, store: ArrivalStore, source: str) -> None:
        self._store, self._source, self._serial = store, source, 0
        self._rollout = ""
        self._samples: deque[Arrivals] = deque(maxlen=KEPT)

    def with_samples(self, case: JudgingInput) -> JudgingInput:
        """The input with the samples that were kept before; keeps a new one when its time has
        come.

        A verdict does not wait for them: where the database fails, there are fewer."""
        try:
            self._follow(case.rollout.id)
            self._keep_in_time(case)
        except StoreError as error:
            log.warning("what has arrived was not stored: %s", error)

        return replace(case, samples=tuple(self._samples))

    def _keep_in_time(self, case: JudgingInput) -> None:
        if not self._samples or case.running_s >= self._samples[-1].at + EVERY_S:
            self._samples.append(case.arrivals)
            self._keep(case)

    def _follow(self, rollout: str) -> None:
        if rollout == self._rollout:
            return

        self._samples.clear()
        self._samples.extend(map(arrivals_of_body, self._store.of(rollout)))
        self._rollout = rollout

    def _keep(self, case: JudgingInput) -> None:
        self._serial += 1
        samples = list(map(Arrivals.to_body, self._samples))
        self._store.keep(self._source, self._serial, case.rollout.id, samples, case.capacity)
