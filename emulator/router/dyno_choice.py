"""Which dyno gets a request: one at random of those that serve, with at most 50 requests in flight
each.
"""

import random
from collections.abc import Set

from emulator.model.app import App, Dyno
from emulator.model.clock import Clock
from emulator.router.routed_request import RouterError

BOOT_S = 75
IN_FLIGHT, BACKLOG = 50, 50


async def choose(app: App, clock: Clock) -> Dyno:
    """A serving dyno with room; waits for one to boot, or for room. Raises RouterError."""
    _check(app)
    if (dyno := serving(app)) is not None:
        return dyno

    busy = any(dyno.routable for dyno in app.web_dynos)
    if busy and app.queued >= BACKLOG:
        raise RouterError("H11")

    app.queued += 1
    try:
        ready = await app.changed.until(
            lambda: serving(app) or _hopeless(app), clock.allowed(BOOT_S)
        )
    finally:
        app.queued -= 1

    _check(app)
    dyno = serving(app)
    if not ready or dyno is None:
        raise RouterError("H11" if busy else "H20")

    return dyno


def serving(app: App, tried: Set[str] = frozenset()) -> Dyno | None:
    """A dyno at random that takes a request now. tried: ids of dynos that are left out."""
    ready = []
    for dyno in app.web_dynos:
        if dyno.routable and dyno.in_flight < IN_FLIGHT and dyno.id not in tried:
            ready.append(dyno)

    if not ready:
        return None
    return random.choice(ready)  # noqa: S311


def _hopeless(app: App) -> bool:
    """Whether waiting is in vain: no dyno of the app boots or serves."""
    return _all_crashed(app) or _unscaled(app)


def _all_crashed(app: App) -> bool:
    dynos = app.web_dynos
    return bool(dynos) and all(dyno.state == "crashed" for dyno in dynos)


def _unscaled(app: App) -> bool:
    web = app.formation.get("web")
    return web is None or web.quantity == 0


def _check(app: App) -> None:
    if (_unscaled(app) and not app.unlisted) or not app.web_dynos:
        raise RouterError("H14")
    if _all_crashed(app):
        raise RouterError("H10")
