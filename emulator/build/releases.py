"""Releases: the next version, its release command, and what runs afterwards."""

import asyncio
import random

from emulator.checks.report import Report
from emulator.dynos.dyno import Dyno
from emulator.dynos.fleet import Fleet
from emulator.dynos.streams import Stream
from emulator.model.sizes import DEFAULT
from emulator.model.state import STREAMS, Account, App, Release, Slug, World, remember

HOUR_S = 3600


class Releasing:
    """Makes releases and puts them on the dynos."""

    def __init__(self, world: World, fleet: Fleet, tally: Report) -> None:
        self.world, self.fleet, self.tally = world, fleet, tally

    def base(self, app: App) -> Release | None:
        """What the next release starts from: the newest that did not fail."""
        return next((each for each in reversed(app.releases) if each.status != "failed"), None)

    def config(
        self,
        app: App,
        user: Account,
        description: str,
        config: dict[str, str],
        command: bool = True,
    ) -> Release:
        """The same slug with another config."""
        base = self.base(app)
        return self.create(app, user, description, base.slug if base else None, config, command)

    def deploy(self, app: App, user: Account, description: str, slug: Slug) -> Release:
        """Another slug with the same config."""
        base = self.base(app)
        return self.create(app, user, description, slug, dict(base.config) if base else {})

    def create(
        self,
        app: App,
        user: Account,
        description: str,
        slug: Slug | None,
        config: dict[str, str],
        command: bool = True,
    ) -> Release:
        """Make the release; it is current at once, or after its release command succeeded."""
        release = Release(
            app,
            user,
            app.releases[-1].version + 1 if app.releases else 1,
            description,
            slug,
            config,
        )
        release.addon_plans = [each.plan for each in self.world.addons.values() if each.app is app]
        app.releases.append(release)
        app.touch()
        self.tally.created["release"] += 1
        app.log.add("app", "api", f"{description} by user {user.email}")
        app.log.add("app", "api", f"Release v{release.version} created by user {user.email}")
        if command and slug and "release" in slug.process_types:
            release.output = Stream(started=False)
            remember(self.world.streams, release.output.token, release.output, STREAMS)
            self._run_command(release, slug.process_types["release"])
        else:
            self._activate(release)

        return release

    def _run_command(self, release: Release, command: str) -> None:
        name = f"release.{random.randint(1000, 9999)}"  # noqa: S311
        dyno = Dyno(release.app, "release", name, command, DEFAULT, release, output=release.output)
        release.app.dynos.append(dyno)
        self.fleet.one_off(dyno, HOUR_S).add_done_callback(lambda task: self._finish(release, task))

    def _finish(self, release: Release, task: "asyncio.Task[int]") -> None:
        if release.output:
            release.output.close()

        gone = release.app.id not in self.world.apps
        if gone or task.cancelled() or task.exception() or task.result() != 0:
            release.status = "failed"
            release.touch()
            release.app.changed.notify()
        else:
            self._activate(release)

    def _activate(self, release: Release) -> None:
        release.status = "succeeded"
        release.touch()
        if release.slug and release is release.app.current:
            self.fleet.roll(release.app, release)
        release.app.changed.notify()
