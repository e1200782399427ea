"""How many may wait for moments of the past."""

import asyncio
from threading import Event

import pytest

from router.problems import Problem
from router.watching.live_snapshot import MOST_PAST, LiveSnapshots
from router.watching.sections.page_sections import PageSections
from store.errors import StoreUnavailable


class SlowReader:
    """Reads the past once it may, and then not."""

    def __init__(self) -> None:
        self.may_read, self.reads = Event(), 0

    def then(self, _at: float, _span: str) -> None:
        self.may_read.wait(60)
        self.reads += 1
        raise StoreUnavailable("away")


def test_who_has_left_holds_up_no_more_than_so_many_moments_of_the_past() -> None:
    reader = SlowReader()
    snapshots = LiveSnapshots(reader, PageSections(), "assets")

    async def asked() -> None:
        left = [asyncio.create_task(snapshots.then(1.0, "1h")) for _ in range(MOST_PAST)]
        await asyncio.sleep(0)
        for task in left[1:]:
            task.cancel()

        await asyncio.sleep(0)
        # Those that wait for the thread are given up with their callers; one is being read.
        assert reader.reads == 0
        waiting = [asyncio.create_task(snapshots.then(1.0, "1h")) for _ in range(MOST_PAST - 1)]
        await asyncio.sleep(0)
        with pytest.raises(Problem) as refused:
            await snapshots.then(1.0, "1h")

        assert (refused.value.status, refused.value.retry_after_s) == (503, 1)
        reader.may_read.set()
        for task in (left[0], *waiting):
            with pytest.raises(StoreUnavailable):
                await task

        with pytest.raises(StoreUnavailable):
            await snapshots.then(1.0, "1h")

        assert reader.reads == MOST_PAST + 1

    asyncio.run(asked())
    snapshots.close()
