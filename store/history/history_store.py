"""The history of one model on disk: each count once, whoever hands it in and however often.

A machine hands in blocks: what came in each of the last seconds. Blocks have serials, and one is
recorded only where the one before it is the newest of its machine, in one transaction with the
totals that it leads to. So whoever does not know whether a block was recorded asks, and two that
hand in for one machine count nothing twice. One writer (the router worker with the lease) adds the
blocks up by minute and hour, and deletes what is older than it is kept."""

from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

from sqlalchemy import Connection, Engine, delete, func, select, text, update
from sqlalchemy.dialects import postgresql, sqlite

from store.direct import make_file
from store.engine import part_file, snapshot, statements, transaction
from store.errors import StoreUnavailable
from store.history.compact_json import packed, unpacked
from store.history.tables import (
    BLOCKS,
    HISTORY_PART,
    HISTORY_TABLES,
    MOMENTS,
    SOURCES,
    STEPS,
    history_engine,
)
from store.ledger import require_text

Json = Any
# Any number that no other program uses for PostgreSQL's advisory locks.
_ROLLING = 7_358_492_014
DELETED_AT_ONCE = 500
FREED_PAGES = 256
FORGET_SOURCES_S = 7 * 24 * 3_600
"""A machine that has handed in nothing for so long is over: its next life has another name."""


@dataclass(frozen=True)
class HandedIn:
    """What a machine has handed in so far. serial: of its newest block; at: epoch seconds."""

    serial: int
    at: float
    totals: Json


@dataclass(frozen=True)
class ReadCounts:
    """Counts as they are stored, read in one look.

    blocks: (key, body); rolled: (epoch seconds, body). A body is unpacked when it is called; a key
    is that of one block for ever, also where a history was deleted and serials began anew.
    as_of: when the newest counts were taken, None: there are none ever."""

    blocks: Sequence[tuple[Hashable, Callable[[], Json]]]
    rolled: Sequence[tuple[int, Callable[[], Json]]]
    as_of: float | None


class RollUp:
    """One writer's transaction: blocks that were not added up yet, and the steps they belong to."""

    def __init__(self, connection: Connection, model: str, upsert: Any) -> None:
        self._connection, self._model, self._upsert = connection, model, upsert
        self._taken: list[tuple[str, int]] = []

    def blocks(self, most: int) -> list[list[tuple[int, Json]]]:
        """The oldest blocks that are not rolled up yet, each a list of (epoch seconds, counts)."""
        columns = (BLOCKS.c.source, BLOCKS.c.serial, BLOCKS.c.body)
        query = (
            select(*columns)
            .where(BLOCKS.c.model == self._model, BLOCKS.c.rolled == 0)
            .order_by(BLOCKS.c.last_at)
            .limit(most)
        )
        rows = self._connection.execute(query).all()
        self._taken = [(source, serial) for source, serial, _ in rows]
        return [[(at, counts) for at, counts in unpacked(body)] for _, _, body in rows]

    def step(self, step: int, at: int) -> Json:
        """The counts of a step, an empty list where it has none yet."""
        query = select(STEPS.c.body).where(
            STEPS.c.model == self._model, STEPS.c.step == step, STEPS.c.at == at
        )
        body = self._connection.scalar(query)
        if body is None:
            return []
        return unpacked(body)

    def put(self, step: int, at: int, counts: Json) -> None:
        """Store the counts of a step in place of those it had."""
        values = {"model": self._model, "step": step, "at": at, "body": packed(counts)}
        self._connection.execute(self._upsert, values)

    def done(self) -> None:
        """Mark the blocks as rolled up."""
        for source, serial in self._taken:
            one = (BLOCKS.c.model == self._model, BLOCKS.c.source == source)
            self._connection.execute(
                update(BLOCKS).where(*one, BLOCKS.c.serial == serial).values(rolled=1)
            )


class HistoryStore:
    """The history of one model. Threads may share it.

    Every method raises StoreUnavailable when the database cannot be used, and works again when it
    can. After the file was deleted it works again when `create` has made a new one."""

    def __init__(self, ledger: Engine, model: str) -> None:
        require_text("model", model)
        self._engine, self.model = history_engine(ledger), model
        self._file = part_file(ledger, HISTORY_PART)
        self.is_server = self._file is None
        self._insert = (postgresql if self.is_server else sqlite).insert
        upsert = self._insert(STEPS)
        self._put_step = upsert.on_conflict_do_update(
            index_elements=list(STEPS.primary_key), set_={"body": upsert.excluded.body}
        )

    def create(self) -> None:
        """Make what is missing: the file, and the tables. Processes may do so at the same time."""
        if self._file is not None:
            make_file(self._file)

        with transaction(self._engine) as connection:
            self._lock(connection)
            HISTORY_TABLES.create_all(connection)

    def handed_in(self, source: str) -> HandedIn | None:
        """What a machine has handed in; None where nothing is known of it."""
        query = select(SOURCES.c.serial, SOURCES.c.at, SOURCES.c.totals).where(self._is(source))
        with statements(self._engine) as connection:
            row = connection.execute(query).one_or_none()

        if row is None:
            return None
        return HandedIn(row[0], row[1], unpacked(row[2]))

    def hand_in(
        self,
        source: str,
        before: int,
        samples: Sequence[tuple[int, Json]],
        totals: Json,
        at: float,
    ) -> bool:
        """Record a block, the one after the block `before` (0: there was none).

        samples: (epoch seconds, counts) of what came since that one, oldest first; none: only that
        nothing came until `at`. totals: all of the life of this source. Returns False, and records
        nothing, where `before` is not its newest block: ask `handed_in`. So it is after
        StoreUnavailable, too."""
        require_text("source", source)
        values = {"serial": before + 1, "at": at, "totals": packed(totals)}
        with transaction(self._engine) as connection:
            if not self._advance(connection, source, before, values):
                return False

            if samples:
                connection.execute(self._insert(BLOCKS), self._block(source, before + 1, samples))

        return True

    def note(self, source: str, at: float) -> bool:
        """Record that nothing came at a machine until `at`; False where nothing is known of it."""
        nothing_came = update(SOURCES).where(self._is(source)).values(at=at)
        with statements(self._engine) as connection:
            return bool(connection.execute(nothing_came).rowcount)

    @contextmanager
    def rolling_up(self) -> Iterator[RollUp]:
        """The transaction in which blocks are added up: all of it is recorded, or nothing."""
        with transaction(self._engine) as connection:
            self._lock(connection)
            yield RollUp(connection, self.model, self._put_step)

    def keep_moment(self, at: float, revision: int, body: Json) -> None:
        """Keep what could be seen at a time; a second one of the same time is left out."""
        values = {"model": self.model, "at": at, "revision": revision, "body": packed(body)}
        insert = self._insert(MOMENTS).on_conflict_do_nothing(
            index_elements=list(MOMENTS.primary_key)
        )
        with statements(self._engine) as connection:
            connection.execute(insert, values)

    def times_of_moments(self) -> list[tuple[float, int]]:
        """(time, revision) of all moments, oldest first."""
        query = select(MOMENTS.c.at, MOMENTS.c.revision).where(MOMENTS.c.model == self.model)
        with statements(self._engine) as connection:
            return [(at, revision) for at, revision in connection.execute(query)]

    def forget_moments(self, times: Sequence[float]) -> None:
        """Delete the moments of these times, at most DELETED_AT_ONCE."""
        some = list(times[:DELETED_AT_ONCE])
        gone = delete(MOMENTS).where(MOMENTS.c.model == self.model, MOMENTS.c.at.in_(some))
        with transaction(self._engine) as connection:
            connection.execute(gone)

    def forget(self, blocks_before: float, steps_before: dict[int, float], now: float) -> None:
        """Delete what is older, at most DELETED_AT_ONCE rows of each kind, and give back its space.

        blocks_before: epoch seconds; blocks that are not rolled up yet stay. steps_before: by the
        length of the steps."""
        old = select(BLOCKS.c.source, BLOCKS.c.serial).where(
            BLOCKS.c.model == self.model, BLOCKS.c.last_at < blocks_before, BLOCKS.c.rolled == 1
        )
        with transaction(self._engine) as connection:
            for source, serial in connection.execute(old.limit(DELETED_AT_ONCE)).all():
                own = (BLOCKS.c.model == self.model, BLOCKS.c.source == source)
                connection.execute(delete(BLOCKS).where(*own, BLOCKS.c.serial == serial))

            for step, before in steps_before.items():
                self._forget_steps(connection, step, before)

            over = (SOURCES.c.model == self.model, SOURCES.c.at < now - FORGET_SOURCES_S)
            connection.execute(delete(SOURCES).where(*over))

        if not self.is_server:
            with statements(self._engine) as connection:
                # It frees a page with each row that is fetched, and SQLAlchemy sees no rows.
                driver = connection.connection.cursor()
                driver.execute(f"PRAGMA incremental_vacuum({FREED_PAGES})")
                driver.fetchall()

    def read(self, step: int, since: int, until: int) -> ReadCounts:
        """The counts from `since` to before `until` (epoch seconds).

        step: of 1 second, or one that blocks are rolled up by: then also the blocks that are not
        yet. Blocks may reach beyond the time asked for."""
        blocks = [BLOCKS.c.model == self.model, BLOCKS.c.last_at >= since]
        blocks.append(BLOCKS.c.first_at < until)
        rolled: list[Any] = []
        with snapshot(self._engine) as connection:
            if step > 1:
                blocks.append(BLOCKS.c.rolled == 0)
                steps = (STEPS.c.model == self.model, STEPS.c.step == step)
                query = select(STEPS.c.at, STEPS.c.body).where(
                    *steps, STEPS.c.at >= since, STEPS.c.at < until
                )
                rolled = list(connection.execute(query.order_by(STEPS.c.at)))

            columns = (BLOCKS.c.source, BLOCKS.c.serial, BLOCKS.c.last_at, BLOCKS.c.body)
            stored_blocks = list(connection.execute(select(*columns).where(*blocks)))
            of_model = SOURCES.c.model == self.model
            as_of = connection.scalar(select(func.max(SOURCES.c.at)).where(of_model))

        return ReadCounts(
            [(tuple(key), partial(unpacked, body)) for *key, body in stored_blocks],
            [(at, partial(unpacked, body)) for at, body in rolled],
            as_of,
        )

    def moment_at(self, at: float) -> tuple[float, int, Json] | None:
        """(time, revision, body) of the newest moment no later than `at`; None without one."""
        query = self._moments(MOMENTS.c.at <= at).order_by(MOMENTS.c.at.desc()).limit(1)
        with statements(self._engine) as connection:
            row = connection.execute(query).one_or_none()

        if row is None:
            return None
        return row[0], row[1], unpacked(row[2])

    def moments(self, since: float, until: float) -> list[tuple[float, int, Json]]:
        """The same of all moments from `since` to before `until`, oldest first."""
        query = self._moments(MOMENTS.c.at >= since, MOMENTS.c.at < until).order_by(MOMENTS.c.at)
        with statements(self._engine) as connection:
            rows = connection.execute(query).all()

        return [(at, revision, unpacked(body)) for at, revision, body in rows]

    def _moments(self, *conditions: Any) -> Any:
        columns = (MOMENTS.c.at, MOMENTS.c.revision, MOMENTS.c.body)
        return select(*columns).where(MOMENTS.c.model == self.model, *conditions)

    def _is(self, source: str) -> Any:
        return (SOURCES.c.model == self.model) & (SOURCES.c.source == source)

    def _advance(
        self, connection: Connection, source: str, before: int, values: dict[str, Any]
    ) -> bool:
        """Whether `before` was the newest serial of the source, which is now the next one."""
        if before:
            newest = self._is(source) & (SOURCES.c.serial == before)
            return bool(connection.execute(update(SOURCES).where(newest).values(values)).rowcount)

        first = (
            self._insert(SOURCES)
            .on_conflict_do_nothing(index_elements=list(SOURCES.primary_key))
            .returning(SOURCES.c.serial)
        )
        own = {"model": self.model, "source": source, **values}
        return connection.scalar(first, own) is not None

    def _block(
        self, source: str, serial: int, samples: Sequence[tuple[int, Json]]
    ) -> dict[str, Any]:
        times = [at for at, _ in samples]
        return {
            "model": self.model,
            "source": source,
            "serial": serial,
            "first_at": min(times),
            "last_at": max(times),
            "rolled": 0,
            "body": packed([[at, counts] for at, counts in samples]),
        }

    def _forget_steps(self, connection: Connection, step: int, before: float) -> None:
        own = (STEPS.c.model == self.model, STEPS.c.step == step)
        old = select(STEPS.c.at).where(*own, STEPS.c.at < before).order_by(STEPS.c.at)
        gone = connection.scalars(old.limit(DELETED_AT_ONCE)).all()
        if gone:
            connection.execute(delete(STEPS).where(*own, STEPS.c.at <= gone[-1]))

    def _lock(self, connection: Connection) -> None:
        """SQLite's transactions are one after the other anyway."""
        if self.is_server:
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _ROLLING})


def is_missing(error: StoreUnavailable) -> bool:
    """Whether the history's file or its tables have to be made."""
    words = str(error)
    return any(word in words for word in ("is gone", "no such table", "does not exist"))
