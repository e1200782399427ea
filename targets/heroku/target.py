"""Heroku as a target: one app for the router and one for each version."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack
from typing import Any

from deployment.readiness import ReadinessProbe, probe_of, wait_ready, warmed_up
from deployment.router_client import wait_drained
from deployment.workspace.bundles import read_release
from deployment.workspace.errors import EdgeFailure
from deployment.workspace.ledger import newest_ledger
from deployment.workspace.locks import held
from deployment.workspace.secrets import read_secrets
from deployment.workspace.workspace import Workspace
from rollout.state.ledger import Ledger, Version
from rollout.state.version_state import LIVE
from targets.base import (
    TWO_VERSIONS,
    Bill,
    Leftover,
    LintCheck,
    Process,
    Retention,
    Say,
    Stack,
    Target,
    silent,
)
from targets.findings import Finding
from targets.heroku import doctor, leftover_apps, lint, log_errors, processes, stack
from targets.heroku.api.apps import App, app
from targets.heroku.api.builds import builds
from targets.heroku.api.dynos import dynos
from targets.heroku.api.formation import Scale, formation, scale
from targets.heroku.api.pipelines import couple, ensure_pipeline
from targets.heroku.api.releases import PENDING, newest
from targets.heroku.app_group import AppGroup, open_app_group
from targets.heroku.build.app_config import token_vars, version_vars
from targets.heroku.build.release_pipeline import WEB
from targets.heroku.build.slug_source import version_slug
from targets.heroku.errors import HerokuFailure
from targets.heroku.predicting_dyno import PredictingDyno
from targets.heroku.sizes import bill, check_quantity

CRASH_POLL_S = 2.0


class HerokuTarget(Target):
    """Builds, scales, proves, drains and stops the versions of one model. A program is an app."""

    idle_versions_cost = True
    lint_reads_ledger = False

    def __init__(self, workspace: Workspace, say: Say = silent) -> None:
        super().__init__(workspace, say)
        self._opened = ExitStack()
        self._app_group: AppGroup | None = None

    @property
    def app_group(self) -> AppGroup:
        """The model's apps; Heroku is first contacted here."""
        if self._app_group is None:
            self._app_group = self._opened.enter_context(open_app_group(self.workspace, self.say))
        return self._app_group

    def close(self) -> None:
        """Close the connections."""
        self._opened.close()
        self._app_group = None

    def home(self, ledger: Ledger, version: str) -> tuple[str, str]:
        """A version's app, created where it has none: only Heroku knows its address.

        Raises HerokuFailure where the version is live and its app was deleted by hand: a new app
        has another address, and the routers would go on with the old one.
        """
        recorded = ledger.versions.get(version)
        if recorded is not None and recorded.state in LIVE:
            return recorded.program, self._standing(recorded).url

        name = self.app_group.version(version)
        own, _ = self.app_group.ensure_app(name)
        return name, own.url

    def reserve(self, version: str) -> AbstractContextManager[None]:
        """Hold the version's lock file; raises HerokuFailure where the version runs already.

        A version has one app: to start it again would first stop what serves users now.
        """
        running = newest_ledger(self.workspace).versions.get(version)
        if running is not None and running.state in LIVE:
            raise HerokuFailure(
                f"{version} runs in {running.program} already, and a version has one app: `python "
                f"deploy.py promote {version}` releases it, `heroku ps:restart -a "
                f"{running.program}` restarts it"
            )

        return held(self.workspace, version, f"starting {version}")

    def start(self, version: str, program: str) -> None:
        """Build, configure and scale a version's app; continues where an earlier run stopped."""
        settings, group = self.workspace.settings.heroku, self.app_group
        check_quantity(settings.version_size, settings.version_dynos)
        release = read_release(self.workspace.releases, version)
        slug = version_slug(self.workspace, release)

        pipeline, _ = ensure_pipeline(group.client, group.pipeline, group.owner)
        couple(group.client, program, pipeline)

        # Before the build, so that its release command already finds what it needs.
        releases, secrets = group.release_pipeline(program), read_secrets(self.workspace)
        releases.configure(dict(version_vars(self.workspace, release, secrets)))
        group.ensure_log_drain(version, program, secrets)

        self._scale(program, 0)
        live = releases.build_and_release(slug)
        self._scale(program, settings.version_dynos)
        releases.wait_up(live.release.version)

    def wait_ready(self, version: str, program: str) -> float:
        """Wait for its golden answers at its own address; returns seconds.

        Raises CannotStart, NotReadyInTime.
        """
        probe = self._probe(version, program)
        deadline_s = self.workspace.settings.deployment.ready_timeout_s
        return wait_ready(probe, deadline_s, self._crashed(program), f"`heroku logs -a {program}`")

    def warm_up(self, version: str, program: str) -> None:
        """Send small and large batches; raises EdgeFailure where the version fails on them."""
        warmed_up(version, self._probe(version, program), f"`heroku logs -a {program}`")

    def drain(self, address: str, revision: int) -> bool:
        """Whether the routers finished their requests to that address in time."""
        operator = read_secrets(self.workspace).operator
        return wait_drained(self.workspace, operator, revision, address)

    def stop(self, program: str) -> None:
        """Scale an app to zero: it keeps slug and address, and costs nothing.

        Raises EdgeFailure where it still costs, or will: the first release of an app starts a dyno
        by itself. A deleted app counts as stopped.
        """
        try:
            if app(self.app_group.client, program) is None:
                return
            if WEB not in formation(self.app_group.client, program):
                self._refuse_pending_release(program)
            self._scale(program, 0)
        except HerokuFailure as error:
            raise EdgeFailure(
                f"{program} could not be scaled to zero and goes on costing: {error}"
            ) from error

    def up(self) -> Stack:
        """Bring the router's app up and scale the live versions, or repair them."""
        return stack.up(self.workspace, self.say)

    def down(self) -> int:
        """Scale every app to zero, the router first; returns how many were scaled."""
        return stack.down(self.workspace, self.say)

    def publish_tokens(self) -> None:
        """Set the router's config var, which restarts its dynos; nothing before the first `up`.

        Raises HerokuFailure.
        """
        group = self.app_group
        if app(group.client, group.router) is None:
            return

        group.release_pipeline(group.router).configure(dict(token_vars(self.workspace)))

    def processes(self) -> dict[str, Process]:
        """The router's app and those of live versions, by name; raises HerokuFailure."""
        return processes.processes(self.workspace)

    def findings(self, ledger: Ledger | None) -> Iterator[Finding]:
        """Account, apps, database, differences between ledger and platform, and the cost."""
        return doctor.platform(self.workspace, ledger, self.say)

    def lint_checks(self) -> Iterator[LintCheck]:
        """Sizes, prices, names, and whether everything can be packed."""
        return lint.checks(self.workspace)

    def retention(self) -> Retention:
        """Which idle versions keep their dynos, and how many retired ones their apps."""
        return Retention(self.workspace.settings.heroku.warm_s, self.workspace.settings.heroku.keep)

    def predict_files(
        self,
        version: str,
        job: Mapping[str, Any],
        env: Mapping[str, str],
        tell: Callable[[dict[str, Any]], None],
    ) -> dict[str, Any]:
        """Predict in a one-off dyno of the version's app, which needs no web dyno for that."""
        if not self.workspace.settings.heroku.predicts_files:
            raise EdgeFailure(
                f"the apps are deployed without what reads files: set predicts_files = true under "
                f"[heroku] in deploy.toml, and deploy {version} again"
            )

        release = read_release(self.workspace.releases, version)
        name = self.app_group.version(version)
        if app(self.app_group.client, name) is None:
            raise EdgeFailure(
                f"{version} has no app on Heroku: `python deploy.py deploy {version}` makes it"
            )

        return PredictingDyno(self.app_group, name).predict(release, job, env, tell)

    def log_errors(self, ledger: Ledger) -> list[str]:
        """Heroku's error codes of all apps, with their causes."""
        return log_errors.complaints(self.workspace, ledger)

    def costs(self, versions: int = TWO_VERSIONS) -> Bill:
        """What the router, its database and so many versions at once cost."""
        return bill(stack.costs(self.workspace, versions))

    def leftovers(self, versions: Iterable[Version]) -> dict[str, Leftover]:
        """The apps that these versions still have, by version."""
        return leftover_apps.leftovers(self.app_group, versions)

    def end_leftover(self, leftover: Leftover) -> None:
        """Scale a retired version's app to zero."""
        leftover_apps.end(self.app_group, leftover)

    def delete_leftover(self, leftover: Leftover) -> None:
        """Delete a retired version's app."""
        leftover_apps.delete(self.app_group, leftover)

    def _standing(self, version: Version) -> App:
        try:
            return self.app_group.standing(version)
        except HerokuFailure as error:
            raise HerokuFailure(f"{version.name} is live in the ledger, but {error}") from error

    def _refuse_pending_release(self, program: str) -> None:
        build = next(iter(builds(self.app_group.client, program)), None)
        release = newest(self.app_group.client, program)
        builds_now = build is not None and build.pending
        releases_now = release is not None and release.status == PENDING

        if builds_now or releases_now:
            raise EdgeFailure("Heroku goes on with its build, and then starts a dyno by itself")

    def _scale(self, program: str, quantity: int) -> None:
        # Before its first release an app has no process type that could be scaled.
        if WEB not in formation(self.app_group.client, program):
            return

        size = self.workspace.settings.heroku.version_size
        if scale(self.app_group.client, program, {WEB: Scale(quantity, size)}):
            self.say(f"{program}: {quantity} x {size}")

    def _probe(self, version: str, program: str) -> ReadinessProbe:
        release = read_release(self.workspace.releases, version)
        secret = read_secrets(self.workspace).service
        return probe_of(release, self.app_group.app(program).url, secret)

    def _crashed(self, program: str) -> Callable[[], str | None]:
        """A function that returns which dynos crashed; Heroku is asked every two seconds."""
        last_poll = 0.0

        def ended() -> str | None:
            nonlocal last_poll
            if time.monotonic() - last_poll < CRASH_POLL_S:
                return None

            last_poll = time.monotonic()
            states = {dyno.name: dyno.state for dyno in dynos(self.app_group.client, program)}
            crashed = [name for name, state in states.items() if state == "crashed"]
            if crashed:
                return f"{', '.join(crashed)} crashed"
            return None

        return ended
