"""One model's apps on Heroku: their owner, their names and their client."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from deployment.workspace.secrets import Secrets
from deployment.workspace.workspace import Workspace
from rollout.log_drain import drain_url
from rollout.state.ledger import Version
from targets.base import Say, silent
from targets.heroku.api.apps import App, app, ensure_app
from targets.heroku.api.auth import account
from targets.heroku.api.client import Client
from targets.heroku.api.drains import ensure_drain
from targets.heroku.api.owner import Owner, owner
from targets.heroku.api.retry import Patience
from targets.heroku.build.release_pipeline import ReleasePipeline
from targets.heroku.errors import HerokuFailure
from targets.heroku.names import pipeline_name, prefix_of, router_app, version_app


@dataclass(frozen=True)
class AppGroup:
    """The apps of one workspace. owner: of all of them; prefix: of all their names."""

    workspace: Workspace
    client: Client
    owner: Owner
    prefix: str
    say: Say

    @property
    def router(self) -> str:
        """The router's app."""
        return router_app(self.prefix)

    @property
    def pipeline(self) -> str:
        """The pipeline that shows all of them together."""
        return pipeline_name(self.prefix)

    def version(self, name: str) -> str:
        """A version's app."""
        return version_app(self.prefix, name)

    def ensure_app(self, name: str) -> tuple[App, bool]:
        """The app of that name, created where there is none; and whether it was created.

        An app costs nothing before it has dynos.
        """
        settings = self.workspace.settings.heroku
        own, created = ensure_app(self.client, name, settings.region, settings.stack, settings.team)
        if created:
            self.say(f"{name}: app made")
        return own, created

    def app(self, name: str) -> App:
        """The app of that name; raises HerokuFailure where there is none."""
        own = app(self.client, name)
        if own is None:
            raise HerokuFailure(
                f"there is no app {name} (any more): `python deploy.py up` makes what is missing"
            )

        return own

    def standing(self, version: Version) -> App:
        """A live version's app; raises HerokuFailure where it, and so its address, was deleted."""
        own = app(self.client, version.program)
        if own is None or own.url != version.address:
            raise HerokuFailure(
                f"its app {version.program} was deleted: send its traffic to another version, "
                f"`python deploy.py retire {version.name}`, then `python deploy.py deploy "
                f"{version.name}` makes it anew"
            )

        return own

    def drain(self, version: str, secrets: Secrets) -> str:
        """The router's address for the log of a version's app; a secret."""
        return drain_url(self.app(self.router).url, version, secrets.token.encode())

    def ensure_log_drain(self, version: str, program: str, secrets: Secrets) -> None:
        """Send the log of a version's app to the router; a failure is reported, not raised."""
        try:
            if ensure_drain(self.client, program, self.drain(version, secrets)):
                self.say(f"{program}: its log goes to the router")
        except HerokuFailure as error:
            self.say(f"{version} short of memory would not be noticed: {error}")

    def release_pipeline(self, name: str) -> ReleasePipeline:
        """Builds and releases of one app, each waited for."""
        return ReleasePipeline(self.client, name, self.say)


@contextmanager
def open_app_group(
    workspace: Workspace, say: Say = silent, patience: Patience | None = None
) -> Iterator[AppGroup]:
    """The apps of a workspace; raises HerokuFailure where the account cannot be used."""
    with Client(account(), say, patience) as client:
        whose = owner(client, workspace.settings.heroku.team)
        yield AppGroup(workspace, client, whose, prefix_of(workspace.settings, whose.id), say)
