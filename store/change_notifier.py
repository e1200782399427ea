"""A cheap hint that the record may have changed, so that it is followed at once without being asked
often.

SQLite: the time stamps of its file and its write-ahead log. PostgreSQL: LISTEN, for the notice that
the table's trigger gives. A hint may be missed (a pooler that does not pass notices on, two writes
within one tick of the file system's clock), so whoever follows the record also asks it from time to
time."""

import os
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from sqlalchemy import Engine

from store.direct import LIVELINESS
from store.schema import CHANNEL

# The kernel stamps files by a clock that ticks each 4 to 10 ms: what was just written may be
# written again unseen.
FRESH_S = 0.02
AGAIN_S = 1.0
PATIENCE_S = 1.0


class ChangeNotifier(Protocol):
    """Tells that something was written."""

    def rung(self) -> bool:
        """Whether something may have been written since the last call. Never waits."""

    def close(self) -> None:
        """Free what it holds."""


def change_notifier(engine: Engine) -> ChangeNotifier:
    """The notifier of a database. Build one a process, after forking."""
    if engine.dialect.name == "sqlite":
        return FileNotifier(Path(str(engine.url.database)))
    return PostgresNotifier(engine)


class FileNotifier:
    """SQLite's."""

    def __init__(self, path: Path) -> None:
        self._paths = (str(path), f"{path}-wal")
        self._last: tuple[tuple[int, int], ...] = ()

    def rung(self) -> bool:
        """See ChangeNotifier."""
        stamps = tuple(map(_stamp, self._paths))
        changed, self._last = stamps != self._last, stamps
        newest_ns, _ = max(stamps)
        return changed or time.time() - newest_ns / 1e9 < FRESH_S

    def close(self) -> None:
        """See ChangeNotifier."""


class PostgresNotifier:
    """PostgreSQL's: a thread that listens on a connection of its own, and connects again when it is
    lost.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._rung = threading.Event()
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._listen, name="notices", daemon=True)
        self._thread.start()

    def rung(self) -> bool:
        """See ChangeNotifier."""
        # Cleared only where it was set: a notice between a look and the clearing would be lost.
        if not self._rung.is_set():
            return False
        self._rung.clear()
        return True

    def close(self) -> None:
        """See ChangeNotifier."""
        self._closed.set()
        self._thread.join(2 * PATIENCE_S)

    def _listen(self) -> None:
        import psycopg

        _, given = self._engine.dialect.create_connect_args(self._engine.url)
        options = {**LIVELINESS, **given, "autocommit": True}
        while not self._closed.is_set():
            # Whoever follows the record meets the same fault and reports it.
            with suppress(psycopg.Error), psycopg.connect(**options) as connection:
                connection.execute(f"LISTEN {CHANNEL}")
                self._rung.set()
                while not self._closed.is_set():
                    for _ in connection.notifies(timeout=PATIENCE_S, stop_after=1):
                        self._rung.set()
            self._closed.wait(AGAIN_S)


def _stamp(path: str) -> tuple[int, int]:
    try:
        status = os.stat(path)
    except OSError:
        return 0, 0
    return status.st_mtime_ns, status.st_size
