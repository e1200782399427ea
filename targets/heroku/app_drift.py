"""Compares one app with what it should be; each difference is reported with the step that undoes
it.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial

from deployment.workspace.workspace import Workspace
from targets.findings import Finding, examine
from targets.heroku.api.addons import addons
from targets.heroku.api.apps import App, app, refuse_other_generations
from targets.heroku.api.builds import builds
from targets.heroku.api.client import Client
from targets.heroku.api.config_vars import config_vars, config_vars_at, difference
from targets.heroku.api.drains import drained
from targets.heroku.api.dynos import Dyno, dynos
from targets.heroku.api.formation import Scale, formation
from targets.heroku.api.releases import PENDING, SUCCEEDED, Release, newest, releases
from targets.heroku.build.release_pipeline import READY, WEB
from targets.heroku.errors import HerokuFailure

UP = "`python deploy.py up`"
RELEASES_SEARCHED = 10


@dataclass(frozen=True)
class ExpectedApp:
    """What an app should be.

    version: whose it is, empty for the router's
    config: its config vars, beside those of its add-ons
    source: the version of the source that this folder packs
    drain: where a version's log goes, a secret; None for the router's, whose log would report its
    own arrival for ever

    `config` and `source` raise EdgeFailure where the bundle, or what it needs, was changed.
    """

    app: str
    version: str
    scale: Scale
    config: Callable[[], Mapping[str, str]]
    source: Callable[[], str]
    drain: Callable[[], str] | None = None


class Checkup:
    """The findings of one app. Nothing is changed and no value of a config var is shown."""

    def __init__(self, client: Client, workspace: Workspace, expected: ExpectedApp) -> None:
        self.client, self.workspace, self.expected = client, workspace, expected
        self.name = expected.app

    def findings(self) -> Iterator[Finding]:
        """All of them; of an app that is missing, or of another generation, only that."""
        of_app = examine(f"app {self.name}", self._app)
        yield of_app
        if of_app.fault and examine("", self._usable).fault:
            return

        yield examine(f"{self.name}: release", self._release)
        yield examine(f"{self.name}: config vars", self._config)
        yield examine(f"{self.name}: dynos", lambda: f"{self._formation()}, {self._dynos()}")
        if self.expected.drain is not None:
            yield examine(f"{self.name}: log drain", partial(self._drain, self.expected.drain))

    def _usable(self) -> str:
        return self._existing().name

    def _existing(self) -> App:
        """The app; raises HerokuFailure where it is gone or has no slugs."""
        existing = app(self.client, self.name)
        if existing is None:
            raise HerokuFailure(
                f"it does not exist, or this account cannot see it: {self._recreate()}"
            )

        refuse_other_generations(existing)
        return existing

    def _app(self) -> str:
        existing, settings = self._existing(), self.workspace.settings.heroku
        faults = []
        if existing.region != settings.region:
            faults.append(f"its region is {existing.region}, deploy.toml wants {settings.region}")
        if existing.stack != settings.stack:
            faults.append(f"its stack is {existing.stack}, deploy.toml wants {settings.stack}")
        if (existing.team or "") != settings.team:
            faults.append(
                f"it belongs to {existing.team or 'no team'}, deploy.toml wants "
                f"{settings.team or 'no team'}"
            )

        if faults:
            raise HerokuFailure(
                f"{', '.join(faults)}: an existing app keeps its own, so correct deploy.toml"
            )

        if existing.maintenance:
            raise HerokuFailure(
                "it is in maintenance mode and serves no request: `heroku maintenance:off -a "
                f"{self.name}`"
            )

        traits = (existing.generation, existing.stack, existing.region, existing.team)
        return ", ".join(filter(None, traits))

    def _release(self) -> str:
        release = newest(self.client, self.name)
        if release is None or (release.slug is None and release.status == SUCCEEDED):
            raise HerokuFailure(f"nothing was ever built for it: {self._recreate()}")

        title = f"v{release.version} '{release.description}'"
        if release.by:
            title += f" by {release.by}"

        if release.status == PENDING:
            raise HerokuFailure(f"{title} is under way: wait for its end, then look again")
        if release.status != SUCCEEDED:
            raise HerokuFailure(
                f"{title} {release.status}, the one before it still serves: `heroku "
                f"releases:output v{release.version} -a {self.name}` shows why"
            )

        return self._own_release(release, title)

    def _own_release(self, release: Release, title: str) -> str:
        """How the release is, if Sluice built it and nobody changed it."""
        built, expected = self._sources_by_slug(), self.expected.source()
        source = built.get(release.slug or "", "")
        if source == expected:
            return self._expected_release(release, title, source)

        if not source.startswith(f"{self.expected.version or 'router'}+"):
            raise HerokuFailure(f"{title} was not built by Sluice: {self._undo()}")

        if _is_rollback(release) or expected in built.values():
            raise HerokuFailure(
                f"{title} was made by hand: {source} runs, {expected} should: {self._undo()}"
            )

        if not self.expected.version:
            raise HerokuFailure(
                f"{source} runs, {expected} would be built: code or deploy.toml changed since; {UP}"
            )

        return (
            f"v{release.version}, {source} (the code around the bundle changed since: the next "
            "deploy builds it anew)"
        )

    def _expected_release(self, release: Release, title: str, source: str) -> str:
        if not _is_rollback(release):
            return f"v{release.version}, {source}"

        if difference(config_vars(self.client, self.name), self.expected.config()):
            raise HerokuFailure(
                f"{title} is a rollback by hand, with config vars of then: {self._undo()}"
            )
        return f"v{release.version}, {source} ({title}, by hand, to what it should be)"

    def _config(self) -> str:
        now, expected = config_vars(self.client, self.name), self.expected.config()
        unknown, changed = self._unknown(now, expected), sorted(difference(now, expected))
        faults = []
        if changed:
            faults.append(f"not as they should be: {', '.join(changed)}")
        if unknown:
            faults.append(f"set by hand: {', '.join(unknown)}")

        if faults:
            raise HerokuFailure(f"{'; '.join(faults)}: {self._config_step(unknown, changed)}")
        return f"{len(expected)} as they should be"

    def _config_step(self, unknown: list[str], changed: list[str]) -> str:
        if not unknown or self.expected.version:
            return self._undo()

        unset = f"`heroku config:unset {' '.join(unknown)} -a {self.name}`"
        if changed:
            return f"{self._undo()}; {unset}"
        return unset

    def _formation(self) -> str:
        now, expected = formation(self.client, self.name).get(WEB), self.expected.scale
        if now is None or now.quantity == 0:
            role = "users connect to it"
            if self.expected.version:
                role = f"{self.expected.version} is live in the ledger"
            raise HerokuFailure(f"no dyno, and {role}: {UP} starts what is missing")

        scale = f"{now.quantity} x {now.size}"
        if (now.quantity, now.size.lower()) != (expected.quantity, expected.size.lower()):
            raise HerokuFailure(
                f"{scale}, deploy.toml wants {expected.quantity} x {expected.size}: {UP} changes it"
            )
        return scale

    def _dynos(self) -> str:
        running = [dyno for dyno in dynos(self.client, self.name) if dyno.type == WEB]
        summary = ", ".join(map(_dyno_summary, running)) or "none"
        if not running or not all(map(_is_ready, running)):
            raise HerokuFailure(f"{summary}: `heroku logs -a {self.name}` shows why")

        serving = self._serving()
        if min(dyno.release for dyno in running) < serving:
            raise HerokuFailure(
                f"{summary}, v{serving} should run: `heroku ps:restart -a {self.name}`"
            )
        return summary

    def _serving(self) -> int:
        """Number of the release that serves, 0 where none does."""
        for release in releases(self.client, self.name):
            if release.current:
                return release.version
        return 0

    def _drain(self, url: Callable[[], str]) -> str:
        if not drained(self.client, self.name, url()):
            raise HerokuFailure(
                f"its log does not go to the router, which would miss R14 and R15: {UP} adds it"
            )
        return "to the router"

    def _sources_by_slug(self) -> dict[str, str]:
        """Version of the source by slug, of all builds."""
        sources = {}
        for build in builds(self.client, self.name):
            if build.slug:
                sources[build.slug] = build.source_version
        return sources

    def _unknown(self, now: Mapping[str, str], expected: Mapping[str, str]) -> list[str]:
        """Names that neither Sluice nor an add-on sets."""
        unknown = set(now) - set(expected)
        for addon in addons(self.client, self.name):
            unknown -= set(addon.config_vars)
        return sorted(unknown)

    def _undo(self) -> str:
        """The step that restores what Sluice made."""
        if not self.expected.version:
            return f"{UP} restores its own"

        number = self._last_own()
        if number:
            return f"`heroku rollback v{number} -a {self.name}` restores Sluice's own"
        return self._recreate()

    def _last_own(self) -> int | None:
        """The newest release with the slug and the config vars that it should have."""
        built, source, expected = (
            self._sources_by_slug(),
            self.expected.source(),
            self.expected.config(),
        )
        for release in releases(self.client, self.name, RELEASES_SEARCHED):
            if release.status != SUCCEEDED or built.get(release.slug or "") != source:
                continue

            then = config_vars_at(self.client, self.name, release.version)
            if not difference(then, expected) and not self._unknown(then, expected):
                return release.version

        return None

    def _recreate(self) -> str:
        version = self.expected.version
        if not version:
            return f"{UP} makes it"

        return (
            f"`python deploy.py retire {version}` and `python deploy.py deploy {version}` make it "
            "anew; where it has users, `python deploy.py rollback` first"
        )


def _dyno_summary(dyno: Dyno) -> str:
    return f"{dyno.name} {dyno.state} at v{dyno.release}"


def _is_ready(dyno: Dyno) -> bool:
    return dyno.state in READY


def _is_rollback(release: Release) -> bool:
    # Heroku's own words for it; nothing else in a release shows it.
    return release.description.startswith("Rollback to")
