"""Keeps the history beside a worker's other work, in a thread of its own: nothing waits for it.

Where the history cannot be written, the log says so once, and once more when it can again;
predictions, verdicts and rollbacks go on. What was counted meanwhile is handed in then, once."""

import logging
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path

from sqlalchemy import Engine

from rollout.state.ledger import Ledger
from router.history.collector import Collector
from router.history.writer import HistoryWriter, Judgement, is_due
from store.errors import StoreError, StoreUnavailable
from store.history.history_store import HistoryStore, is_missing

log = logging.getLogger("sluice.history")
LOOK_EVERY_S = 1.0
FILE_EVERY_S = 5.0
SERVER_EVERY_S = 10.0
"""How often counts are handed in: a server's rows and round trips cost more."""


class HistoryKeeper:
    """The history's part in one worker. One thread calls its methods. clock: epoch seconds."""

    def __init__(
        self, engine: Engine, model: str, state: Path, clock: Callable[[], float] = time.time
    ) -> None:
        self._engine, self._model, self._state, self._clock = engine, model, state, clock
        self._parts: tuple[HistoryStore, Collector, HistoryWriter] | None = None
        self._handed_in_at = float("-inf")
        self._failed = False

    def tick(self, ledger: Ledger, judged: "deque[Judgement]", leads: bool) -> None:
        """Look at the counts, and hand in and write what is due. Never raises.

        judged: what the controller judged; it is taken from there. leads: this worker has the
        lease."""
        try:
            wrote = self._keep(ledger, judged, leads)
        except StoreUnavailable as error:
            self._note_failure(error)
            self._make_missing(error)
        except (StoreError, OSError) as error:
            self._note_failure(error)
        except Exception:
            if not self._failed:
                log.exception("the history is not written: unexpected error")

            self._failed = True
        else:
            if wrote:
                self._note_success()

    def stop(self, ledger: Ledger) -> None:
        """Hand in what is left, and leave the machine to another worker. Never raises."""
        self._handed_in_at = float("-inf")
        self.tick(ledger, deque(), leads=False)
        if self._parts is not None:
            self._parts[1].release()

    def _keep(self, ledger: Ledger, judged: "deque[Judgement]", leads: bool) -> bool:
        """Whether it was time to hand in."""
        store, collector, writer = self._opened()
        rollout, now = ledger.rollout.id if ledger.rollout else "", self._clock()
        collector.look(rollout, now)
        writer.take(judged)
        is_time = is_due(now, self._handed_in_at, _every_s(store))
        if is_time:
            self._handed_in_at = now
            collector.hand_in(now)

        if leads:
            writer.write(ledger, now)

        return is_time

    def _opened(self) -> tuple[HistoryStore, Collector, HistoryWriter]:
        if self._parts is None:
            store = HistoryStore(self._engine, self._model)
            store.create()
            writer = HistoryWriter(store, _every_s(store))
            self._parts = store, Collector(store, self._state), writer

        return self._parts

    def _make_missing(self, error: StoreUnavailable) -> None:
        """Make the file and the tables again after a deletion."""
        if self._parts is None or not is_missing(error):
            return

        try:
            self._parts[0].create()
            self._handed_in_at = float("-inf")
        except StoreError as again:
            log.debug("the history was not made: %s", again)

    def _note_failure(self, error: Exception) -> None:
        if not self._failed:
            log.warning(
                "the history is not written: %s. Predictions and rollbacks go on; what is counted "
                "now is written later",
                str(error).rstrip("."),
            )

        self._failed = True

    def _note_success(self) -> None:
        if self._failed:
            log.warning("the history is written again")

        self._failed = False


def _every_s(store: HistoryStore) -> float:
    return SERVER_EVERY_S if store.is_server else FILE_EVERY_S
