"""Follows the ledger: reads each new revision and gives its routing table to the dispatcher.

The ledger is read when the store notifies of a change, and each POLL_S in any case. The last table
is saved to a file, so that a worker that starts while the database does not answer can serve."""

import asyncio
import logging
import os
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import msgspec

from rollout.errors import Refusal
from router.dispatch.dispatcher import Dispatcher
from router.dispatch.routing_table import RoutingTable, empty_table, table_of_body
from store.change_notifier import change_notifier
from store.engine import engine
from store.errors import StoreError
from store.ledger import LedgerStore

log = logging.getLogger("sluice.watch")
LOOK_S = 0.01
POLL_S = 0.1


class SavedRoutingTable(msgspec.Struct):
    """The saved form of the last routing table."""

    model: str
    revision: int
    body: dict[str, object]


class LedgerFollower:
    """Follows the ledger for one worker.

    away_since: monotonic seconds, None while the ledger answers. secret: keys the split."""

    def __init__(self, database_url: str, model: str, state: Path, secret: bytes = b"") -> None:
        self.engine = engine(database_url)
        self.store = LedgerStore(self.engine, model)
        self.model, self._secret = model, secret
        self.threads = ThreadPoolExecutor(1, thread_name_prefix="ledger")
        self.away_since: float | None = None
        self.away_because = ""
        self.seen_at = time.monotonic()
        self._file = state / "run" / f"last-table-{model}.json"

    def first_table(self) -> RoutingTable:
        """The newest table, or the saved one if the ledger does not answer."""
        # Existing tables can still be read while the database is locked.
        with suppress(StoreError):
            self.store.create()

        try:
            table = self._newest()
            self._note_answer()
        except (StoreError, Refusal) as error:
            self._note_outage(error)
            table = self._saved()

        return table

    async def follow(self, traffic: Dispatcher) -> None:
        """Follow the ledger until cancelled."""
        loop = asyncio.get_running_loop()
        notifier = change_notifier(self.engine)
        asked_at = 0.0
        try:
            while True:
                await asyncio.sleep(LOOK_S)
                if notifier.rung() or loop.time() - asked_at >= POLL_S:
                    asked_at = loop.time()
                    await self._poll(traffic, loop)
        finally:
            notifier.close()

    async def _poll(self, traffic: Dispatcher, loop: asyncio.AbstractEventLoop) -> None:
        try:
            newest = await loop.run_in_executor(self.threads, self.store.revision)
            if not newest and traffic.table.revision:
                # A ledger only grows: this is another database, or one that was emptied.
                raise StoreError("The record is empty: restore it from a backup")

            if newest != traffic.table.revision:
                traffic.follow(await loop.run_in_executor(self.threads, self._newest))

            self._note_answer()
        except (StoreError, Refusal) as error:
            self._note_outage(error)

    def age_s(self) -> float:
        """Seconds since the ledger last answered."""
        return time.monotonic() - self.seen_at

    def _newest(self) -> RoutingTable:
        entry = self.store.newest()
        if entry is None:
            return empty_table(self.model)

        table = table_of_body(entry.body, entry.revision, self._secret)
        self._save(SavedRoutingTable(self.model, entry.revision, entry.body))
        return table

    def _save(self, last: SavedRoutingTable) -> None:
        draft = self._file.with_suffix(f".{os.getpid()}.draft")
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            draft.write_bytes(msgspec.json.encode(last))
            draft.replace(self._file)
        except OSError as error:
            # A full disk must not prevent a rollback.
            log.warning(
                "the last routing table was not saved in %s: %s", self._file, error.strerror
            )

    def _saved(self) -> RoutingTable:
        try:
            last = msgspec.json.decode(self._file.read_bytes(), type=SavedRoutingTable)
            return table_of_body(last.body, last.revision, self._secret)
        except (OSError, msgspec.DecodeError, Refusal):
            return empty_table(self.model)

    def _note_answer(self) -> None:
        self.away_since, self.away_because = None, ""
        self.seen_at = time.monotonic()

    def _note_outage(self, error: Exception) -> None:
        self.away_because = str(error)
        if self.away_since is None:
            self.away_since = time.monotonic()
