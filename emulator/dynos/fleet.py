"""Which dynos an app has: put a release on them, scale, restart, and what follows a crash."""

import asyncio
import random
from collections.abc import Coroutine, Iterable
from typing import Any

from emulator.dynos import memory
from emulator.dynos.dyno import Dyno, Runner
from emulator.dynos.tasks import Tasks
from emulator.model.clock import Clock
from emulator.model.state import App, Formation, Release

PREBOOT_S = 180
COOL_OFF_S, COOLEST_S = 20 * 60, 4 * 3600
DAY_S, SPREAD_S = 24 * 3600, 216 * 60


class Fleet:
    """All dynos of all apps. Every task that it starts ends with `end_all`."""

    def __init__(self, runner: Runner, clock: Clock) -> None:
        self.runner, self.clock = runner, clock
        self.living: set[Dyno] = set()
        self.ending = False
        self._tasks = Tasks()
        self._switches: dict[str, asyncio.Task[Any]] = {}

    def roll(self, app: App, release: Release) -> None:
        """Run this release, in place of what runs: old ones get SIGTERM, new ones start at once (or
        preboot).
        """
        old = [dyno for dyno in app.dynos if dyno.type in app.formation or dyno.type == "web"]
        _follow(app, release)
        serving = [dyno for dyno in old if dyno.type == "web" and dyno.routable]
        preboot = app.features.get("preboot", False) and bool(serving or app.unlisted)
        kept = serving if preboot else []
        if not preboot:
            self.stop(app, app.unlisted)
            app.unlisted = []

        for dyno in old:
            app.dynos.remove(dyno)
            dyno.say("Restarting")
            if dyno in kept:
                app.unlisted.append(dyno)
            else:
                dyno.become("starting")
                self._tasks.spawn(self.runner.end(dyno))

        new = [
            self._boot(app, release, each, number)
            for each in app.formation.values()
            for number in _numbers(each)
        ]
        if (switch := self._switches.pop(app.id, None)) is not None:
            switch.cancel()

        if preboot:
            self._switches[app.id] = self._tasks.spawn(
                self._switch(app, [dyno for dyno in new if dyno.type == "web"])
            )

    def scale(self, app: App, formation: Formation) -> None:
        """Have as many dynos of this type as it says, all of its size; a changed size restarts
        them.
        """
        release = app.current
        if release is None or release.slug is None:
            return

        mine = [dyno for dyno in app.dynos if dyno.type == formation.type]
        wrong = [dyno for dyno in mine if dyno.size is not formation.size]
        names = [f"{formation.type}.{number}" for number in _numbers(formation)]
        self.stop(app, [dyno for dyno in mine if dyno.name not in names])
        self.restart(app, [dyno for dyno in wrong if dyno.name in names])
        have = {dyno.name for dyno in app.dynos}
        for number in _numbers(formation):
            if f"{formation.type}.{number}" not in have:
                self._boot(app, release, formation, number)

    def restart(self, app: App, dynos: Iterable[Dyno]) -> None:
        """End these and start others in their places, on the current release."""
        for dyno in list(dynos):
            self.stop(app, [dyno], "Restarting")
            formation = app.formation.get(dyno.type)
            if formation and app.current and app.current.slug:
                self._boot(app, app.current, formation, int(dyno.name.rpartition(".")[2]))

    def stop(self, app: App, dynos: Iterable[Dyno], why: str = "Stopping") -> None:
        """End these for good."""
        for dyno in list(dynos):
            dyno.say(why)
            if dyno in app.dynos:
                app.dynos.remove(dyno)
            self._tasks.spawn(self.runner.end(dyno))

    def one_off(self, dyno: Dyno, seconds: float) -> asyncio.Task[int]:
        """Run a command once, for at most `seconds` of the platform's time; its task returns the
        exit status.
        """
        return self._tasks.spawn(self._once(dyno, seconds))

    async def end_all(self, apps: Iterable[App] | None = None) -> None:
        """End all processes (or those of these apps) within seconds."""
        self.ending = apps is None
        chosen = None if apps is None else {app.id for app in apps}
        ending = [dyno for dyno in self.living if chosen is None or dyno.app.id in chosen]
        self.runner.clock.hurry = (
            max(self.runner.clock.hurry, 10.0) if self.ending else self.runner.clock.hurry
        )
        for app in {dyno.app.id: dyno.app for dyno in ending}.values():
            app.dynos.clear()
            app.unlisted.clear()

        await asyncio.gather(*(self.runner.end(dyno) for dyno in ending), return_exceptions=True)
        if self.ending:
            await self._tasks.end()

    def _boot(
        self, app: App, release: Release, formation: Formation, number: int, crashes: int = 0
    ) -> Dyno:
        name = f"{formation.type}.{number}"
        dyno = Dyno(app, formation.type, name, formation.command, formation.size, release)
        dyno.held = formation.type == "web" and any(old.type == "web" for old in app.unlisted)
        app.dynos.append(dyno)
        app.changed.notify()
        self._tasks.spawn(self._live(dyno, number, crashes))
        return dyno

    async def _live(self, dyno: Dyno, number: int, crashes: int) -> None:
        app = dyno.app
        await self._ended(dyno, self._cycle(dyno))
        if dyno.stopping or self.ending:
            return

        dyno.become("crashed")
        if dyno in app.unlisted:
            app.unlisted.remove(dyno)

        if crashes:
            await self.clock.sleep(min(COOLEST_S, COOL_OFF_S * 2 ** (crashes - 1)))

        formation = app.formation.get(dyno.type)
        if dyno in app.dynos and formation and not self.ending:
            app.dynos.remove(dyno)
            dyno.say("State changed from crashed to starting")
            self._boot(app, dyno.release, formation, number, crashes + 1)

    async def _ended(self, dyno: Dyno, bound: Coroutine[Any, Any, None]) -> int:
        """Run it to its end, beside what bounds its time and what weighs it; returns its exit
        status.
        """
        self.living.add(dyno)
        watching = [self._tasks.spawn(bound), self._tasks.spawn(memory.watch(dyno, self.clock))]
        try:
            status = await self.runner.run(dyno)
        finally:
            self.living.discard(dyno)
            for task in watching:
                task.cancel()

        dyno.say(f"Process exited with status {status}")
        return status

    async def _cycle(self, dyno: Dyno) -> None:
        await self.clock.sleep(DAY_S + random.uniform(0, SPREAD_S))  # noqa: S311
        if dyno in dyno.app.dynos:
            dyno.say("Cycling")
            self.restart(dyno.app, [dyno])

    async def _once(self, dyno: Dyno, seconds: float) -> int:
        status = await self._ended(dyno, self._limit(dyno, seconds))
        dyno.become("down" if status == 0 else "crashed")
        if dyno in dyno.app.dynos:
            dyno.app.dynos.remove(dyno)
        return status

    async def _limit(self, dyno: Dyno, seconds: float) -> None:
        await self.clock.sleep(seconds)
        await self.runner.end(dyno)

    async def _switch(self, app: App, new: list[Dyno]) -> None:
        await self.clock.sleep(PREBOOT_S)
        for dyno in new:
            dyno.held = False

        old, app.unlisted = app.unlisted, []
        app.changed.notify()
        self._switches.pop(app.id, None)
        self.stop(app, old)


def _numbers(formation: Formation) -> range:
    return range(1, formation.quantity + 1)


def _follow(app: App, release: Release) -> None:
    """Give the formation the slug's process types; web has one dyno at first, the others none."""
    types = dict(release.slug.process_types) if release.slug else {}
    types.pop("release", None)
    for name, command in types.items():
        if name in app.formation:
            app.formation[name].command = command
        else:
            app.formation[name] = Formation(name, command, 1 if name == "web" else 0)

    app.formation = {name: each for name, each in app.formation.items() if name in types}
