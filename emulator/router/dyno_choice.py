"""Which dyno gets a request: at random among those that serve, each with at most 50 requests in
flight.
"""

import random

from emulator.dynos.dyno import Dyno
from emulator.model.clock import Clock
from emulator.model.state import App
from emulator.router.exchange import Fail

BOOT_S = 75
IN_FLIGHT, BACKLOG = 50, 50


async def choose(app: App, tried: set[str], clock: Clock) -> Dyno:
    """A serving dyno with room; waits for one to boot, or for room. Raises Fail."""
    _check(app)
    if (dyno := serving(app, tried)) is not None:
        return dyno

    busy = any(each.routable for each in _web(app))
    if busy and app.queued >= BACKLOG:
        raise Fail("H11")

    app.queued += 1
    try:
        ready = await app.changed.until(
            lambda: serving(app, tried) or _lost(app), clock.allowed(BOOT_S)
        )
    finally:
        app.queued -= 1

    _check(app)
    chosen = serving(app, tried)
    if not ready or chosen is None:
        raise Fail("H11" if busy else "H20")

    return chosen


def _web(app: App) -> list[Dyno]:
    return [dyno for dyno in [*app.dynos, *app.unlisted] if dyno.type == "web"]


def serving(app: App, tried: set[str]) -> Dyno | None:
    """One at random that would take a request now, none of those tried."""
    ready = [
        dyno
        for dyno in _web(app)
        if dyno.routable and dyno.in_flight < IN_FLIGHT and dyno.id not in tried
    ]
    return random.choice(ready) if ready else None  # noqa: S311


def _lost(app: App) -> bool:
    """Whether waiting is in vain: nothing of the app boots or serves."""
    web = _web(app)
    return (bool(web) and all(dyno.state == "crashed" for dyno in web)) or _unscaled(app)


def _unscaled(app: App) -> bool:
    web = app.formation.get("web")
    return web is None or web.quantity == 0


def _check(app: App) -> None:
    if _unscaled(app) and not app.unlisted:
        raise Fail("H14")

    web = _web(app)
    if not web:
        raise Fail("H14")
    if all(dyno.state == "crashed" for dyno in web):
        raise Fail("H10")
