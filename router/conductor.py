"""Takes the steps that the clock decides. Every worker may try: the ledger lets exactly one win each revision."""

import asyncio
import logging
import time
from collections.abc import Callable
from datetime import UTC, datetime

from rollout.actions import Record
from rollout.ledger import Ledger
from rollout.plan import advance
from rollout.refusal import Refusal
from router.watch import Watch
from store.errors import Conflict, StoreError

log = logging.getLogger("sluice.conductor")
TICK_S = 1.0


async def conduct(watch: Watch, ledger: Callable[[], Ledger], clock: Callable[[], float] = time.time) -> None:
    """Each second, take the step that is due; a database that is away is asked again a second later."""
    loop = asyncio.get_running_loop()
    while True:
        await asyncio.sleep(TICK_S)
        try:
            record = advance(ledger(), clock())
            if record is not None:
                await loop.run_in_executor(watch.threads, take, watch, record, clock())
        except Conflict:
            continue
        except (StoreError, Refusal) as error:
            log.warning("the step that is due was not taken: %s", error)


def take(watch: Watch, record: Record, now: float) -> None:
    """Write the step; raises Conflict where another router or an operator was first."""
    at = datetime.fromtimestamp(now, UTC)
    watch.store.append(
        record.ledger.revision, record.ledger.to_body(), record.act, "conductor", f"by the clock: {record.summary}", at
    )
