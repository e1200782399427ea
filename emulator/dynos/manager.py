"""The dyno manager: puts a release on an app's dynos, scales and restarts them, replaces a crashed
one.
"""

import asyncio
import random
from collections.abc import Coroutine, Iterable
from typing import Any

from emulator.dynos import memory
from emulator.dynos.runner import Runner
from emulator.dynos.tasks import Tasks
from emulator.model.app import App, Dyno, Formation, Release
from emulator.model.clock import Clock

PREBOOT_S = 180
COOL_OFF_S, LONGEST_COOL_OFF_S = 20 * 60, 4 * 3600
DAY_S, SPREAD_S = 24 * 3600, 216 * 60


class DynoManager:
    """All dynos of all apps. Every task that it starts ends with `end_all`."""

    def __init__(self, runner: Runner, clock: Clock) -> None:
        self.runner, self.clock = runner, clock
        self.running: set[Dyno] = set()
        self.ending = False
        self._tasks = Tasks()
        self._switches: dict[str, asyncio.Task[Any]] = {}

    def roll(self, app: App, release: Release) -> None:
        """Run this release in place of what runs.

        Old dynos get SIGTERM and new ones start at once. Under preboot, the old web dynos serve on
        until the new ones take over.
        """
        old = [dyno for dyno in app.dynos if dyno.type in app.formation or dyno.type == "web"]
        _update_formation(app, release)

        serving = [dyno for dyno in old if dyno.type == "web" and dyno.routable]
        preboot = app.features.get("preboot", False) and bool(serving or app.unlisted)
        if not preboot:
            serving = []
            self.stop(app, app.unlisted)
            app.unlisted = []

        for dyno in old:
            self._replace(app, dyno, unlist=dyno in serving)

        new = self._boot_all(app, release)
        if (switch := self._switches.pop(app.id, None)) is not None:
            switch.cancel()

        if preboot:
            new_web = [dyno for dyno in new if dyno.type == "web"]
            self._switches[app.id] = self._tasks.spawn(self._switch(app, new_web))

    def _replace(self, app: App, dyno: Dyno, unlist: bool) -> None:
        app.dynos.remove(dyno)
        dyno.log("Restarting")
        if unlist:
            app.unlisted.append(dyno)
        else:
            dyno.change_state("starting")
            self._tasks.spawn(self.runner.end(dyno))

    def scale(self, app: App, formation: Formation) -> None:
        """Run as many dynos of this type as the formation says, all of its size.

        A changed size restarts them.
        """
        release = app.current
        if release is None or release.slug is None:
            return

        numbers = {f"{formation.type}.{number}": number for number in _numbers(formation)}
        for dyno in list(app.dynos):
            if dyno.type == formation.type and dyno.name not in numbers:
                self.stop(app, [dyno])
            elif dyno.type == formation.type and dyno.size is not formation.size:
                self.restart(app, [dyno])

        running = {dyno.name for dyno in app.dynos}
        for name, number in numbers.items():
            if name not in running:
                self._boot(app, release, formation, number)

    def restart(self, app: App, dynos: Iterable[Dyno]) -> None:
        """End these dynos and start others in their stead, on the current release."""
        for dyno in list(dynos):
            self.stop(app, [dyno], "Restarting")
            formation = app.formation.get(dyno.type)
            if formation and app.current and app.current.slug:
                self._boot(app, app.current, formation, int(dyno.name.rpartition(".")[2]))

    def stop(self, app: App, dynos: Iterable[Dyno], reason: str = "Stopping") -> None:
        """End these dynos for good."""
        for dyno in list(dynos):
            dyno.log(reason)
            if dyno in app.dynos:
                app.dynos.remove(dyno)
            self._tasks.spawn(self.runner.end(dyno))

    def one_off(self, dyno: Dyno, seconds: float) -> asyncio.Task[int]:
        """Run a command once, for at most `seconds` of the platform's time; its task returns the
        exit status.
        """
        return self._tasks.spawn(self._run_once(dyno, seconds))

    async def end_all(self) -> None:
        """End all processes within seconds; nothing starts any more."""
        self.ending = True
        self.runner.clock.hurry = max(self.runner.clock.hurry, 10.0)
        await self._end(list(self.running))
        await self._tasks.end()

    async def end_app(self, app: App) -> None:
        """End all processes of one app."""
        await self._end([dyno for dyno in self.running if dyno.app is app])

    async def _end(self, dynos: list[Dyno]) -> None:
        for dyno in dynos:
            dyno.app.dynos.clear()
            dyno.app.unlisted.clear()

        await asyncio.gather(*map(self.runner.end, dynos), return_exceptions=True)

    def _boot_all(self, app: App, release: Release) -> list[Dyno]:
        dynos = []
        for formation in app.formation.values():
            for number in _numbers(formation):
                dynos.append(self._boot(app, release, formation, number))

        return dynos

    def _boot(
        self, app: App, release: Release, formation: Formation, number: int, crashes: int = 0
    ) -> Dyno:
        name = f"{formation.type}.{number}"
        dyno = Dyno(app, formation.type, name, formation.command, formation.size, release)
        dyno.held = formation.type == "web" and any(old.type == "web" for old in app.unlisted)

        app.dynos.append(dyno)
        app.changed.notify()
        self._tasks.spawn(self._supervise(dyno, number, crashes))
        return dyno

    async def _supervise(self, dyno: Dyno, number: int, crashes: int) -> None:
        """Run a dyno; start another in its stead when it crashes, after a cool-off from the second
        crash on.
        """
        app = dyno.app
        await self._run(dyno, self._cycle(dyno))
        if dyno.stopping or self.ending:
            return

        dyno.change_state("crashed")
        if dyno in app.unlisted:
            app.unlisted.remove(dyno)

        if crashes:
            await self.clock.sleep(min(LONGEST_COOL_OFF_S, COOL_OFF_S * 2 ** (crashes - 1)))

        formation = app.formation.get(dyno.type)
        if dyno in app.dynos and formation and not self.ending:
            app.dynos.remove(dyno)
            dyno.log("State changed from crashed to starting")
            self._boot(app, dyno.release, formation, number, crashes + 1)

    async def _run(self, dyno: Dyno, time_limit: Coroutine[Any, Any, None]) -> int:
        """Run a dyno to its end, beside its time limit and the check of its memory; returns the
        exit status.
        """
        self.running.add(dyno)
        watchers = [
            self._tasks.spawn(time_limit),
            self._tasks.spawn(memory.watch(dyno, self.clock)),
        ]
        try:
            status = await self.runner.run(dyno)
        finally:
            self.running.discard(dyno)
            for task in watchers:
                task.cancel()

        dyno.log(f"Process exited with status {status}")
        return status

    async def _cycle(self, dyno: Dyno) -> None:
        await self.clock.sleep(DAY_S + random.uniform(0, SPREAD_S))  # noqa: S311
        if dyno in dyno.app.dynos:
            dyno.log("Cycling")
            self.restart(dyno.app, [dyno])

    async def _run_once(self, dyno: Dyno, seconds: float) -> int:
        status = await self._run(dyno, self._limit(dyno, seconds))
        dyno.change_state("crashed" if status else "down")
        if dyno in dyno.app.dynos:
            dyno.app.dynos.remove(dyno)

        return status

    async def _limit(self, dyno: Dyno, seconds: float) -> None:
        await self.clock.sleep(seconds)
        await self.runner.end(dyno)

    async def _switch(self, app: App, new: list[Dyno]) -> None:
        """The end of preboot: requests go to the new dynos, and the old ones stop."""
        await self.clock.sleep(PREBOOT_S)
        for dyno in new:
            dyno.held = False

        old, app.unlisted = app.unlisted, []
        app.changed.notify()
        self._switches.pop(app.id, None)
        self.stop(app, old)


def _numbers(formation: Formation) -> range:
    return range(1, formation.quantity + 1)


def _update_formation(app: App, release: Release) -> None:
    """Give the formation the slug's process types; web has one dyno at first, the others none."""
    types: dict[str, str] = {}
    if release.slug:
        types.update(release.slug.process_types)
    types.pop("release", None)

    for name in set(app.formation) - set(types):
        del app.formation[name]

    for name, command in types.items():
        if name in app.formation:
            app.formation[name].command = command
        else:
            app.formation[name] = Formation(name, command, int(name == "web"))
