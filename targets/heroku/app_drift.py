"""One app beside what it should be. What somebody did by hand is told with the step that takes it
back.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial

from deployment.workspace.workspace import Workspace
from targets.findings import Finding, looked
from targets.heroku.api.addons import addons
from targets.heroku.api.apps import App, app, refuse_other_generations
from targets.heroku.api.builds import builds
from targets.heroku.api.client import Client
from targets.heroku.api.config_vars import config_vars, config_vars_at, difference
from targets.heroku.api.drains import drained
from targets.heroku.api.dynos import dynos
from targets.heroku.api.formation import Scale, formation
from targets.heroku.api.releases import PENDING, SUCCEEDED, Release, newest, releases
from targets.heroku.build.release_pipeline import READY, WEB
from targets.heroku.errors import HerokuFailure

UP = "`python deploy.py up`"
LOOKED_BACK = 10


@dataclass(frozen=True)
class Wanted:
    """What an app should be. version: whose it is, empty for the router's.

    config: its config vars, beside those of its add-ons; source: the version of the source that
    this folder makes. Both raise EdgeFailure where the bundle, or what it needs, is not as it was.
    drain: where a version's log goes, a secret; None for the router's, whose log would tell of its
    own arrival for ever."""

    app: str
    version: str
    scale: Scale
    config: Callable[[], Mapping[str, str]]
    source: Callable[[], str]
    drain: Callable[[], str] | None = None


class Checkup:
    """The findings of one app; nothing is changed and no value of a config var is told."""

    def __init__(self, client: Client, workspace: Workspace, wanted: Wanted) -> None:
        self.client, self.workspace, self.wanted = client, workspace, wanted
        self.name = wanted.app

    def findings(self) -> Iterator[Finding]:
        """All of them; of an app that is not there, or is of another generation, only that."""
        of_app = looked(f"app {self.name}", self._app)
        yield of_app
        if of_app.fault and not self._fit():
            return

        yield looked(f"{self.name}: release", self._release)
        yield looked(f"{self.name}: config vars", self._config)
        yield looked(f"{self.name}: dynos", lambda: f"{self._formation()}, {self._dynos()}")
        if self.wanted.drain is not None:
            yield looked(f"{self.name}: log drain", partial(self._drain, self.wanted.drain))

    def _fit(self) -> bool:
        return not looked("", lambda: self._there().name).fault

    def _there(self) -> App:
        """The app; raises HerokuFailure where it is gone or has no slugs."""
        found = app(self.client, self.name)
        if found is None:
            raise HerokuFailure(f"it is not there, or not this account's to see: {self._anew()}")
        refuse_other_generations(found)
        return found

    def _app(self) -> str:
        found, wanted = self._there(), self.workspace.settings.heroku
        pairs = (("region", found.region, wanted.region), ("stack", found.stack, wanted.stack))
        faults = [
            f"its {what} is {now}, deploy.toml wants {want}"
            for what, now, want in pairs
            if now != want
        ]
        if (found.team or "") != wanted.team:
            faults.append(
                f"it belongs to {found.team or 'no team'}, deploy.toml wants "
                f"{wanted.team or 'no team'}"
            )

        if faults:
            raise HerokuFailure(
                f"{', '.join(faults)}: an app that is there keeps its own, so correct deploy.toml"
            )

        if found.maintenance:
            raise HerokuFailure(
                f"it is in maintenance and answers nobody: `heroku maintenance:off -a {self.name}`"
            )

        return ", ".join(
            each for each in (found.generation, found.stack, found.region, found.team) if each
        )

    def _release(self) -> str:
        found = newest(self.client, self.name)
        if found is None or (found.slug is None and found.status == SUCCEEDED):
            raise HerokuFailure(f"nothing was ever built for it: {self._anew()}")

        told = f"v{found.version} '{found.description}'" + (f" by {found.by}" if found.by else "")
        if found.status == PENDING:
            raise HerokuFailure(f"{told} is under way: wait for its end, then look again")

        if found.status != SUCCEEDED:
            why = f"`heroku releases:output v{found.version} -a {self.name}` tells why"
            raise HerokuFailure(f"{told} {found.status}, the one before it still serves: {why}")

        return self._made_here(found, told)

    def _made_here(self, found: Release, told: str) -> str:
        built, wanted = self._built(), self.wanted.source()
        source = built.get(found.slug or "", "")
        if source == wanted:
            if _rolled_back(found) and difference(
                config_vars(self.client, self.name), self.wanted.config()
            ):
                raise HerokuFailure(
                    f"{told} is a rollback by hand, with config vars of then: {self._back()}"
                )
            by_hand = f" ({told}, by hand, to what it should be)" if _rolled_back(found) else ""
            return f"v{found.version}, {source}{by_hand}"

        if not source.startswith(f"{self.wanted.version or 'router'}+"):
            raise HerokuFailure(f"{told} is nothing that Sluice built: {self._back()}")

        if _rolled_back(found) or wanted in built.values():
            raise HerokuFailure(
                f"{told} was made by hand: {source} runs, {wanted} should: {self._back()}"
            )

        if not self.wanted.version:
            raise HerokuFailure(
                f"{source} runs, {wanted} would be built: code or deploy.toml changed since; {UP}"
            )

        return (
            f"v{found.version}, {source} (the code around the bundle changed since: the next "
            "deploy builds it anew)"
        )

    def _config(self) -> str:
        now, wanted = config_vars(self.client, self.name), self.wanted.config()
        strange, changed = self._strange(now, wanted), sorted(difference(now, wanted))
        faults = [f"not as they should be: {', '.join(changed)}"] if changed else []
        faults += [f"set by hand: {', '.join(strange)}"] if strange else []
        if not faults:
            return f"{len(wanted)} as they should be"

        step = self._back()
        if strange and not self.wanted.version:
            unset = f"`heroku config:unset {' '.join(strange)} -a {self.name}`"
            step = f"{step}; {unset}" if changed else unset

        raise HerokuFailure(f"{'; '.join(faults)}: {step}")

    def _formation(self) -> str:
        now, wanted = formation(self.client, self.name).get(WEB), self.wanted.scale
        if now is None or now.quantity == 0:
            whose = (
                f"{self.wanted.version} is live in the ledger"
                if self.wanted.version
                else "users come in here"
            )
            raise HerokuFailure(f"no dyno, and {whose}: {UP} starts what is missing")

        said = f"{now.quantity} x {now.size}"
        if (now.quantity, now.size.lower()) != (wanted.quantity, wanted.size.lower()):
            raise HerokuFailure(
                f"{said}, deploy.toml wants {wanted.quantity} x {wanted.size}: {UP} changes it"
            )

        return said

    def _dynos(self) -> str:
        running = [each for each in dynos(self.client, self.name) if each.type == WEB]
        said = (
            ", ".join(f"{each.name} {each.state} at v{each.release}" for each in running) or "none"
        )
        serving = next(
            (each.version for each in releases(self.client, self.name) if each.current), 0
        )
        if not running or any(each.state not in READY for each in running):
            raise HerokuFailure(f"{said}: `heroku logs -a {self.name}` tells why")

        if any(each.release < serving for each in running):
            raise HerokuFailure(
                f"{said}, v{serving} should run: `heroku ps:restart -a {self.name}`"
            )

        return said

    def _drain(self, wanted: Callable[[], str]) -> str:
        if not drained(self.client, self.name, wanted()):
            raise HerokuFailure(
                f"its log does not go to the router, which would miss R14 and R15: {UP} adds it"
            )
        return "to the router"

    def _built(self) -> dict[str, str]:
        """Version of the source by slug, of all builds."""
        return {
            each.slug: each.source_version for each in builds(self.client, self.name) if each.slug
        }

    def _strange(self, now: Mapping[str, str], wanted: Mapping[str, str]) -> list[str]:
        """Names that neither Sluice nor an add-on sets."""
        own = {name for each in addons(self.client, self.name) for name in each.config_vars}
        return sorted(set(now) - set(wanted) - own)

    def _back(self) -> str:
        """How to come back to what Sluice made."""
        if not self.wanted.version:
            return f"{UP} puts its own back"

        number = self._last_own()
        if number:
            return f"`heroku rollback v{number} -a {self.name}` brings Sluice's own back"
        return self._anew()

    def _last_own(self) -> int | None:
        """The newest release with the slug and the config vars that it should have."""
        built, source, wanted = self._built(), self.wanted.source(), self.wanted.config()
        for each in releases(self.client, self.name, LOOKED_BACK):
            if each.status == SUCCEEDED and each.slug and built.get(each.slug) == source:
                then = config_vars_at(self.client, self.name, each.version)
                if not difference(then, wanted) and not self._strange(then, wanted):
                    return each.version

        return None

    def _anew(self) -> str:
        version = self.wanted.version
        if not version:
            return f"{UP} makes it"

        return (
            f"`python deploy.py retire {version}` and `python deploy.py deploy {version}` make it "
            "anew; where it has users, `python deploy.py rollback` first"
        )


def _rolled_back(found: Release) -> bool:
    # Heroku's own words for it; nothing else in a release says so.
    return found.description.startswith("Rollback to")
