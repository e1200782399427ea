"""Heroku as the target of an act: one app a version. What actions.py asks for happens here."""

import time
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack

from deployment.commands.executor import Say
from deployment.readiness import ReadinessProbe, probe_of, wait_ready, warmed_up
from deployment.router_client import wait_drained
from deployment.workspace.bundles import read_release
from deployment.workspace.errors import EdgeFailure
from deployment.workspace.ledger import opened_record, read_ledger
from deployment.workspace.locks import held
from deployment.workspace.secrets import read_secrets
from deployment.workspace.workspace import Workspace
from rollout.state.ledger import Version
from rollout.state.version_state import LIVE
from targets.heroku.api.apps import App, app
from targets.heroku.api.builds import builds
from targets.heroku.api.dynos import dynos
from targets.heroku.api.formation import Scale, formation, scale
from targets.heroku.api.pipelines import couple, ensure_pipeline
from targets.heroku.api.releases import PENDING, newest
from targets.heroku.app_group import AppGroup, open_app_group
from targets.heroku.build.app_config import version_vars
from targets.heroku.build.release_pipeline import WEB
from targets.heroku.build.slug_source import version_slug
from targets.heroku.errors import HerokuFailure
from targets.heroku.sizes import check_quantity


class HerokuTarget:
    """Builds, scales, proves, drains and stops the versions of one place. A program is an app's
    name.
    """

    def __init__(self, workspace: Workspace, say: Say) -> None:
        self.workspace, self.say = workspace, say
        self._opened = ExitStack()
        self._app_group: AppGroup | None = None

    @property
    def app_group(self) -> AppGroup:
        """The house, opened when it is first needed: an act on the record alone never asks
        Heroku.
        """
        if self._app_group is None:
            self._app_group = self._opened.enter_context(open_app_group(self.workspace, self.say))
        return self._app_group

    def close(self) -> None:
        """Close the connections."""
        self._opened.close()
        self._app_group = None

    def home(self, version: str, known: Version | None = None) -> tuple[str, str]:
        """Program and address of a version: its app, made where there is none, for only Heroku
        knows the address.

        known: what the ledger has of it. Raises HerokuFailure where it is live there and its app
        was deleted by hand: an app made anew has another address, and traffic would go on to the
        old one."""
        if known is not None and known.state in LIVE:
            return known.program, self._standing(known).url
        name = self.app_group.version(version)
        found, _ = self.app_group.ensured(name)
        return name, found.url

    def reserved(self, version: str) -> AbstractContextManager[None]:
        """Hold the right to start that version from this machine; raises HerokuFailure where it
        runs already.

        A version has one app: to start it anew would first stop what answers users there.
        """
        with opened_record(self.workspace) as store:
            running = read_ledger(store).versions.get(version)

        if running is not None and running.state in LIVE:
            raise HerokuFailure(
                f"{version} runs in {running.program} already, and a version has one app: `python "
                f"deploy.py promote "
                f"{version}` releases it, `heroku ps:restart -a {running.program}` restarts it"
            )

        return held(self.workspace, version, f"starting {version}")

    def start(self, version: str, program: str) -> None:
        """Build, configure and scale a version's app; goes on where an earlier run stopped."""
        wanted = self.workspace.settings.heroku
        check_quantity(wanted.version_size, wanted.version_dynos)
        release = read_release(self.workspace.releases, version)
        slug = version_slug(self.workspace, release)
        pipeline, _ = ensure_pipeline(
            self.app_group.client, self.app_group.pipeline, self.app_group.owner
        )
        couple(self.app_group.client, program, pipeline)
        chain = self.app_group.chain(program)
        # Before the build, so that its release command already finds what it needs.
        secrets = read_secrets(self.workspace)
        chain.configured(dict(version_vars(self.workspace, release, secrets)))
        self.app_group.listened_to(version, program, secrets)
        self._scale(program, 0)
        live = chain.live(slug)
        self._scale(program, wanted.version_dynos)
        chain.up(live.release.version)

    def wait_ready(self, version: str, program: str) -> float:
        """Seconds until the app answered its golden rows at its own address; raises CannotStart,
        NotReadyInTime.
        """
        probe = self._probe(version, program)
        deadline_s = self.workspace.settings.deployment.ready_timeout_s
        return wait_ready(probe, deadline_s, self._crashed(program), f"`heroku logs -a {program}`")

    def warm_up(self, version: str, program: str) -> None:
        """Send it small and large batches; raises EdgeFailure where it fails on them."""
        warmed_up(version, self._probe(version, program), f"`heroku logs -a {program}`")

    def drain(self, address: str, revision: int) -> bool:
        """Whether the routers finished with that address in time."""
        return wait_drained(
            self.workspace, read_secrets(self.workspace).operator, revision, address
        )

    def stop(self, program: str) -> None:
        """Scale an app to nothing: it keeps slug and address, and costs nothing any more. One that
        is gone is stopped.

        Raises EdgeFailure where it goes on costing, or will: the first release of an app starts a
        dyno by itself."""
        try:
            if app(self.app_group.client, program) is None:
                return
            if WEB not in formation(self.app_group.client, program):
                self._refuse_under_way(program)
            self._scale(program, 0)
        except HerokuFailure as error:
            raise EdgeFailure(
                f"{program} could not be scaled to nothing and goes on costing: {error}"
            ) from error

    def _standing(self, version: Version) -> App:
        try:
            return self.app_group.standing(version)
        except HerokuFailure as error:
            raise HerokuFailure(f"{version.name} is live in the ledger, but {error}") from error

    def _refuse_under_way(self, program: str) -> None:
        built = next(iter(builds(self.app_group.client, program)), None)
        made = newest(self.app_group.client, program)
        if (built is not None and built.pending) or (made is not None and made.status == PENDING):
            raise EdgeFailure("Heroku goes on with its build, and then starts a dyno by itself")

    def _scale(self, program: str, dynos_wanted: int) -> None:
        # Before its first release an app has no process type that could be scaled.
        if WEB not in formation(self.app_group.client, program):
            return
        size = self.workspace.settings.heroku.version_size
        if scale(self.app_group.client, program, {WEB: Scale(dynos_wanted, size)}):
            self.say(f"{program}: {dynos_wanted} x {size}")

    def _probe(self, version: str, program: str) -> ReadinessProbe:
        release = read_release(self.workspace.releases, version)
        return probe_of(
            release, self.app_group.app(program).url, read_secrets(self.workspace).service
        )

    def _crashed(self, program: str) -> Callable[[], str | None]:
        asked = [0.0]

        def ended() -> str | None:
            if time.monotonic() - asked[0] < 2.0:
                return None

            asked[0] = time.monotonic()
            crashed = [
                dyno.name
                for dyno in dynos(self.app_group.client, program)
                if dyno.state == "crashed"
            ]
            if crashed:
                return f"{', '.join(crashed)} crashed"
            return None

        return ended
