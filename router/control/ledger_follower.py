"""Follows the ledger: asks for the newest revision and hands a new Table to the traffic. Keeps the
last good one.

It is asked when the store's bell rings, and each POLL_S in any case. The last table is kept in a
file too, so that a worker started while the database is away serves at once."""

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
    """The file form of the last good table."""

    model: str
    revision: int
    body: dict[str, object]


class LedgerFollower:
    """One worker's eye on the ledger. `away_since` is None while the ledger answers; secret: keys
    the split.
    """

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
        """The newest table, or the last good one from the file when the ledger is away."""
        # Tables that exist need no writer: a locked database can still be read.
        with suppress(StoreError):
            self.store.create()

        try:
            table = self._newest()
            self._heard()
        except (StoreError, Refusal) as error:
            self._lost(error)
            table = self._remembered()

        return table

    async def follow(self, traffic: Dispatcher) -> None:
        """Follow for ever."""
        loop = asyncio.get_running_loop()
        rings = change_notifier(self.engine)
        asked_at = 0.0
        try:
            while True:
                await asyncio.sleep(LOOK_S)
                if rings.rung() or loop.time() - asked_at >= POLL_S:
                    asked_at = loop.time()
                    await self._ask(traffic, loop)
        finally:
            rings.close()

    async def _ask(self, traffic: Dispatcher, loop: asyncio.AbstractEventLoop) -> None:
        try:
            newest = await loop.run_in_executor(self.threads, self.store.revision)
            if not newest and traffic.table.revision:
                # A ledger only grows: this is another database, or one that was emptied.
                raise StoreError("The record is empty: restore it from a backup")
            if newest != traffic.table.revision:
                traffic.follow(await loop.run_in_executor(self.threads, self._newest))
            self._heard()
        except (StoreError, Refusal) as error:
            self._lost(error)

    def age_s(self) -> float:
        """Seconds since the ledger last answered."""
        return time.monotonic() - self.seen_at

    def _newest(self) -> RoutingTable:
        entry = self.store.newest()
        if entry is None:
            return empty_table(self.model)

        table = table_of_body(entry.body, entry.revision, self._secret)
        self._remember(SavedRoutingTable(self.model, entry.revision, entry.body))
        return table

    def _remember(self, last: SavedRoutingTable) -> None:
        draft = self._file.with_suffix(f".{os.getpid()}.draft")
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            draft.write_bytes(msgspec.json.encode(last))
            draft.replace(self._file)
        except OSError as error:
            # A full disk must not keep a rollback from being followed.
            log.warning("the last table could not be kept in %s: %s", self._file, error.strerror)

    def _remembered(self) -> RoutingTable:
        try:
            last = msgspec.json.decode(self._file.read_bytes(), type=SavedRoutingTable)
            return table_of_body(last.body, last.revision, self._secret)
        except (OSError, msgspec.DecodeError, Refusal):
            return empty_table(self.model)

    def _heard(self) -> None:
        self.away_since, self.away_because = None, ""
        self.seen_at = time.monotonic()

    def _lost(self, error: Exception) -> None:
        self.away_because = str(error)
        if self.away_since is None:
            self.away_since = time.monotonic()
