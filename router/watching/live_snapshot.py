"""The snapshot that all open pages poll: rendered at most once a second, and only while somebody
asks.
"""

import asyncio
import gzip
import operator
import time
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from hashlib import blake2b
from threading import BoundedSemaphore
from typing import Any

import msgspec

from router.problems import Problem
from router.watching.charts.all_charts import all_charts
from router.watching.sections.page_sections import WITH_ROWS, PageSections
from router.watching.sources.act_list import RecordedAct
from router.watching.sources.page_reader import PageReader
from router.watching.sources.page_sources import PageSources

EVERY_S = 1.0
MOST_KEPT = 8
"""Past moments that are kept: a page and its charts ask for the same one."""
SETTLED_S = 60.0
"""After so long no counts of a moment are still to come."""
MOST_PAST = 16
"""Moments of the past that may be read or wait at once, also of those who have left."""
FAST = 1
"""gzip's quickest level: a third of the bytes for half a millisecond."""


@dataclass(frozen=True)
class Encoded:
    """One form of a snapshot. etag: changes with its bytes."""

    body: bytes
    zipped: bytes
    etag: bytes


@dataclass(frozen=True)
class LiveSnapshot:
    """A snapshot with users' rows, and without them.

    sections: HTML by id, without the rows. at: when it was read (epoch seconds); counted_at: when
    the newest counts of its charts were taken, None where that is not known."""

    public: Encoded
    with_rows: Encoded
    sections: dict[str, str]
    rows: str
    at: float
    counted_at: float | None

    def sections_for(self, sees_rows: bool) -> dict[str, str]:
        """All sections that one caller may see."""
        if sees_rows:
            return {**self.sections, WITH_ROWS: self.rows}
        return self.sections


class LiveSnapshots:
    """The snapshots of one worker, by the span that pages show. assets: the version of its files.

    reader: asked in a thread of its own."""

    def __init__(
        self,
        reader: PageReader,
        sections: PageSections,
        assets: str,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._reader, self._sections, self._assets = reader, sections, assets
        self._clock, self._wall = clock, wall
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="watching")
        self._charts: dict[str, ChartsOfSpan] = {}
        self._newest: dict[str, tuple[float, LiveSnapshot]] = {}
        self._past: OrderedDict[tuple[float, str], LiveSnapshot] = OrderedDict()
        self._tasks: dict[str, asyncio.Task[LiveSnapshot]] = {}
        self._places = BoundedSemaphore(MOST_PAST)

    async def now(self, span: str) -> LiveSnapshot:
        """The snapshot of now, at most a second old. All who ask meanwhile get the same one."""
        newest = self._newest.get(span)
        if newest is not None and self._clock() - newest[0] < EVERY_S:
            return newest[1]

        task = self._tasks.get(span)
        if task is None or task.done():
            task = self._tasks[span] = asyncio.create_task(self._read(span))

        # Whoever asked first may leave; the others still wait for it.
        return await asyncio.shield(task)

    async def then(self, at: float, span: str) -> LiveSnapshot:
        """The snapshot of a past time (epoch seconds); raises StoreError, Problem 503."""
        known = self._past.get((at, span))
        if known is not None:
            return known
        if not self._places.acquire(blocking=False):
            raise Problem(
                503, "many ask for the past at once: ask again in a moment", retry_after_s=1
            )

        work = self._thread.submit(lambda: self._made(self._reader.then(at, span)))
        # Also of one that nobody waits for any more.
        work.add_done_callback(lambda _: self._places.release())
        made = await asyncio.wrap_future(work)
        if self._wall() - at > SETTLED_S:
            self._past[at, span] = made
            while len(self._past) > MOST_KEPT:
                self._past.popitem(last=False)

        return made

    def close(self) -> None:
        """Render no more."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    async def _read(self, span: str) -> LiveSnapshot:
        work = self._thread.submit(lambda: self._made(self._reader.now(span)))
        made = await asyncio.wrap_future(work)
        self._newest[span] = self._clock(), made
        return made

    def _made(self, sources: PageSources) -> LiveSnapshot:
        charts = ChartsOfSpan()
        if not sources.past:
            charts = self._charts.setdefault(sources.span.name, charts)

        sections, rows = self._sections.sections(sources), self._sections.rows(sources)
        sections[WITH_ROWS] = self._sections.without_rows(sources)
        body = {
            "assets": self._assets,
            "revision": sources.ledger.revision,
            "sections": sections,
            **charts.of(sources),
        }
        counted_at = sources.series.as_of if sources.series is not None else None
        with_rows = {**body, "sections": {**sections, WITH_ROWS: rows}}
        return LiveSnapshot(
            _encoded(body), _encoded(with_rows), sections, rows, sources.at, counted_at
        )


class ChartsOfSpan:
    """The charts of one span, encoded, made again when what they are made of was read again."""

    def __init__(self) -> None:
        self._made_of: tuple[object, ...] = ()
        self._drawn: dict[str, Any] = {}

    def of(self, sources: PageSources) -> dict[str, Any]:
        """Charts, marks of acts, and both ends of the time, as parts of a snapshot."""
        made_of = (sources.series, sources.report, sources.moments, sources.acts)
        known = self._made_of
        if len(known) == len(made_of) and all(map(operator.is_, known, made_of)):
            return self._drawn

        self._made_of = made_of
        since, until = sources.span.since, sources.span.until
        if sources.series is not None and len(sources.series.at):
            # Steps, not the moment of reading: nothing new is then the same bytes.
            since, until = sources.series.at[0], sources.series.at[-1] + sources.series.step

        marks = []
        for act in sources.acts:
            if act.at >= since:
                marks.append(_mark(act))

        charts = msgspec.Raw(msgspec.json.encode(all_charts(sources)))
        self._drawn = {"charts": charts, "marks": marks, "since": since, "until": until}
        return self._drawn


def _mark(act: RecordedAct) -> dict[str, Any]:
    return {"at": act.at, "revision": act.revision, "text": f"{act.action} by {act.actor}"}


def _encoded(value: object) -> Encoded:
    body = msgspec.json.encode(value)
    etag = b'"' + blake2b(body, digest_size=12).hexdigest().encode() + b'"'
    return Encoded(body, gzip.compress(body, FAST, mtime=0), etag)
