"""Releases: the next version, its release command, and the dynos that run it."""

import asyncio
import random

from emulator.checks.report import Report
from emulator.dynos.manager import DynoManager
from emulator.dynos.streams import Stream
from emulator.model.app import App, Dyno, Release, Slug
from emulator.model.record import Account
from emulator.model.sizes import DEFAULT
from emulator.model.state import STREAMS, State, of_app, remember

HOUR_S = 3600


class Releases:
    """Makes releases and puts them on the dynos."""

    def __init__(self, state: State, dyno_manager: DynoManager, report: Report) -> None:
        self.state, self.dyno_manager, self.report = state, dyno_manager, report

    def config(
        self,
        app: App,
        user: Account,
        description: str,
        config: dict[str, str],
        command: bool = True,
    ) -> Release:
        """Release the same slug with another config."""
        previous = app.newest_not_failed
        slug = previous.slug if previous else None
        return self.create(app, user, description, slug, config, command)

    def deploy(self, app: App, user: Account, description: str, slug: Slug) -> Release:
        """Release another slug with the same config."""
        return self.create(app, user, description, slug, app.next_config)

    def create(
        self,
        app: App,
        user: Account,
        description: str,
        slug: Slug | None,
        config: dict[str, str],
        command: bool = True,
    ) -> Release:
        """Make the release; it is current at once, or after its release command succeeded.

        command: whether the release command runs, where the slug has one.
        """
        release = Release(app, user, _next_version(app), description, slug, config)
        release.addon_plans = [addon.plan for addon in of_app(self.state.addons, app)]
        app.releases.append(release)
        app.touch()
        self.report.created["release"] += 1

        app.log.add("app", "api", f"{description} by user {user.email}")
        app.log.add("app", "api", f"Release v{release.version} created by user {user.email}")

        if command and slug and "release" in slug.process_types:
            release.output = Stream(started=False)
            remember(self.state.streams, release.output.token, release.output, STREAMS)
            self._run_command(release, slug.process_types["release"])
        else:
            self._activate(release)

        return release

    def _run_command(self, release: Release, command: str) -> None:
        name = f"release.{random.randint(1000, 9999)}"  # noqa: S311
        dyno = Dyno(release.app, "release", name, command, DEFAULT, release, output=release.output)
        release.app.dynos.append(dyno)

        task = self.dyno_manager.one_off(dyno, HOUR_S)
        task.add_done_callback(lambda ended: self._finish(release, ended))

    def _finish(self, release: Release, task: "asyncio.Task[int]") -> None:
        if release.output:
            release.output.close()

        app_deleted = release.app.id not in self.state.apps
        if app_deleted or task.cancelled() or task.exception() or task.result() != 0:
            release.status = "failed"
            release.touch()
            release.app.changed.notify()
        else:
            self._activate(release)

    def _activate(self, release: Release) -> None:
        release.status = "succeeded"
        release.touch()
        if release.slug and release is release.app.current:
            self.dyno_manager.roll(release.app, release)
        release.app.changed.notify()


def _next_version(app: App) -> int:
    if app.releases:
        return app.releases[-1].version + 1
    return 1
