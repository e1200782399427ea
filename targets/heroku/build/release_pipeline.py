"""The wait chain: build -> its release -> release succeeded -> every web dyno up at it, a deadline
at every link.

Nothing is remembered between two runs: each link first looks where the platform stands. So a run
after Ctrl-C follows the build that is under way, releases a slug that was built before, and makes
nothing twice. The chain ends where Heroku's knowledge ends; whether a version answers its golden
rows is for the caller to ask at its address."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from targets.base import Say
from targets.heroku.api.addons import Addon, addon
from targets.heroku.api.builds import Build, build, builds_of, create_build
from targets.heroku.api.client import Client
from targets.heroku.api.config_vars import change
from targets.heroku.api.dynos import Dyno, dynos
from targets.heroku.api.formation import formation
from targets.heroku.api.logs import recent_lines
from targets.heroku.api.releases import PENDING, SUCCEEDED, Release, newest, release, reuse_slug
from targets.heroku.api.sources import send_source
from targets.heroku.api.streams import follow, plain
from targets.heroku.build.crash_watch import Boot
from targets.heroku.build.tarball import Tarball
from targets.heroku.errors import BuildFailed, HerokuFailure, ReleaseFailed, TooLate

T = TypeVar("T")
WEB = "web"
# An idle dyno of the size Eco sleeps, and wakes with the next request.
READY = ("up", "idle")
AGAIN = "run the same command again: it goes on from here"


@dataclass(frozen=True)
class Deadlines:
    """How long each link may take (seconds).

    Heroku ends a build after 15 minutes and a release command after an hour at most; a dyno has 60
    s to boot. crash_grace_s: how long a dyno may stay crashed, since Heroku starts it again once;
    poll_s: between two looks."""

    build_s: float = 960.0
    linked_s: float = 60.0
    release_s: float = 900.0
    dynos_s: float = 300.0
    addon_s: float = 900.0
    crash_grace_s: float = 20.0
    poll_s: float = 2.0


@dataclass(frozen=True)
class Live:
    """What the chain ended with: a release that succeeded, and the dynos that run it (none where
    scaled to zero).
    """

    build: Build
    release: Release
    dynos: tuple[Dyno, ...]


class Chain:
    """The waits of one app. say: told of each link, and of every line a build or release command
    writes.
    """

    def __init__(
        self, client: Client, app: str, say: Say, deadlines: Deadlines | None = None
    ) -> None:
        self.client, self.app, self.say = client, app, say
        self.deadlines = deadlines or Deadlines()

    def live(self, tarball: Tarball) -> Live:
        """Build and release a tarball, or go on where an earlier run stopped; returns when every
        web dyno runs it.

        Raises BuildFailed, ReleaseFailed, TooLate naming the link, and what the client raises.
        """
        found = self._built_before(tarball)
        if found is not None and not found.pending:
            made = found
            released = self.succeeded(self._released_again(made, tarball))
        else:
            made = self._followed(found or self._started(tarball))
            released = self.succeeded(self.release_of(made))

        return Live(made, released, self.up(released.version))

    def built(self, tarball: Tarball) -> Build:
        """The succeeded build of a tarball: found, followed or made. Raises BuildFailed,
        TooLate.
        """
        found = self._built_before(tarball)
        if found is not None and not found.pending:
            return found
        return self._followed(found or self._started(tarball))

    def release_of(self, made: Build) -> Release:
        """The release that a succeeded build makes a little later; raises TooLate."""

        def ask() -> str | None:
            return made.release or build(self.client, self.app, made.id).release

        return release(
            self.client, self.app, self._until("the build's release", self.deadlines.linked_s, ask)
        )

    def succeeded(self, waited: Release) -> Release:
        """The release once its command has ended well; raises ReleaseFailed with its last words,
        TooLate.
        """
        end = time.monotonic() + self.deadlines.release_s
        said: list[str] = []
        while waited.status == PENDING:
            if waited.output_url:
                said = self._read_release(waited, end)
            waited = release(self.client, self.app, waited.id)
            if waited.status == PENDING:
                self._rest_or_late(f"release v{waited.version}", self.deadlines.release_s, end)

        if waited.status != SUCCEEDED:
            raise ReleaseFailed(
                f"{self.app}: release v{waited.version} {waited.status}, the one before it still "
                f"serves{_last(said)}"
            )

        self.say(f"{self.app}: release v{waited.version} succeeded")
        return waited

    def up(self, version: int) -> tuple[Dyno, ...]:
        """Every web dyno, once all are up at that release or a later one; raises ReleaseFailed,
        TooLate.
        """
        watch = Boot(self.deadlines.crash_grace_s)

        def ask() -> tuple[Dyno, ...] | None:
            wanted = formation(self.client, self.app).get(WEB)
            if wanted is not None and wanted.quantity == 0:
                self.say(f"{self.app}: scaled to no dyno")
                return ()

            running = [each for each in dynos(self.client, self.app) if each.type == WEB]
            for line in watch.changes(running):
                self.say(f"{self.app}: {line}")

            if broken := watch.broken(running, version):
                raise ReleaseFailed(
                    f"{self.app}: {broken.name} crashed at v{broken.release}{self._log(broken)}"
                )

            ready = [each for each in running if each.state in READY and each.release >= version]
            enough = wanted is not None and len(ready) >= wanted.quantity
            if enough and len(ready) == len(running):
                return tuple(ready)
            return None

        return self._until(f"every web dyno up at v{version}", self.deadlines.dynos_s, ask)

    def settled(self) -> Release | None:
        """The newest release once none is pending, whatever became of it; None where the app has
        none.
        """
        end = time.monotonic() + self.deadlines.release_s
        while (found := newest(self.client, self.app)) is not None and found.status == PENDING:
            self._rest_or_late(f"release v{found.version}", self.deadlines.release_s, end)
        return found

    def configured(self, wanted: Mapping[str, str | None]) -> bool:
        """Set config vars in one request, None removes; waits for the release that this makes.

        Returns whether anything changed. Raises ReleaseFailed where the release command refuses the
        new values."""
        self.settled()
        if not change(self.client, self.app, wanted):
            return False

        made = self.settled()
        if made is not None and made.status != SUCCEEDED:
            raise ReleaseFailed(
                f"{self.app}: release v{made.version} {made.status}, the old config vars still hold"
            )

        self.say(f"{self.app}: config vars set ({', '.join(sorted(wanted))})")
        return True

    def provisioned(self, ordered: Addon) -> Addon:
        """The add-on once it can be used, which may take minutes; raises TooLate, HerokuFailure if
        refused.
        """
        told: list[str] = []

        def ask() -> Addon | None:
            found = addon(self.client, ordered.id)
            if found is None or found.state.startswith("deprovision"):
                raise HerokuFailure(
                    f"{ordered.name} was not provisioned: see `heroku addons:info "
                    f"{ordered.name}`, then try again"
                )

            if found.state not in told:
                told.append(found.state)
                self.say(f"{self.app}: {found.name} ({found.plan}) {found.state}")

            if found.state == "provisioned":
                return found
            return None

        return self._until(f"add-on {ordered.name}", self.deadlines.addon_s, ask)

    def _built_before(self, tarball: Tarball) -> Build | None:
        """The newest build of exactly these bytes, unless it failed."""
        found = next(iter(builds_of(self.client, self.app, tarball.version)), None)
        if found is None or found.status == "failed":
            return None

        self.say(
            f"{self.app}: build of {tarball.version} {'goes on' if found.pending else 'is there'}"
        )
        return found

    def _started(self, tarball: Tarball) -> Build:
        self.say(f"{self.app}: uploading {tarball.version} ({len(tarball.content) / 1e6:.1f} MB)")
        source = send_source(self.client, tarball.content, tarball.checksum, tarball.version)
        made = create_build(self.client, self.app, source)
        self.say(f"{self.app}: build of {tarball.version} started")
        return made

    def _followed(self, made: Build) -> Build:
        """The build once it has ended well, its output said line by line."""
        end = time.monotonic() + self.deadlines.build_s
        state = [made]

        def over() -> bool:
            state[0] = build(self.client, self.app, made.id)
            return not state[0].pending

        lines = (
            follow(made.output_url, self._quote, over, end, self.deadlines.poll_s)
            if made.output_url
            else []
        )
        while not over():
            self._rest_or_late("the build", self.deadlines.build_s, end)

        if state[0].status != SUCCEEDED:
            raise BuildFailed(f"{self.app}: the build failed, nothing was released{_last(lines)}")

        self.say(f"{self.app}: build succeeded")
        return state[0]

    def _released_again(self, made: Build, tarball: Tarball) -> Release:
        """The newest release if it is this build's, else a new one of its slug: built, but another
        one serves.
        """
        own = self.release_of(made)
        found = newest(self.client, self.app) or own
        mine = found.id == own.id or (made.slug is not None and found.slug == made.slug)
        if made.slug is None or (mine and found.status in (PENDING, SUCCEEDED)):
            if mine:
                return found
            return own

        self.say(f"{self.app}: releasing the slug of {tarball.version} again")
        return reuse_slug(self.client, self.app, made.slug, f"Release {tarball.version}")

    def _read_release(self, waited: Release, end: float) -> list[str]:
        def over() -> bool:
            return release(self.client, self.app, waited.id).status != PENDING

        return follow(str(waited.output_url), self._quote, over, end, self.deadlines.poll_s)

    def _quote(self, line: str) -> None:
        self.say(f"{self.app} | {line}")

    def _log(self, broken: Dyno) -> str:
        """What the dyno said last; that it cannot be read must not hide the crash."""
        try:
            return _last(
                [plain(line) for line in recent_lines(self.client, self.app, 20, dyno=broken.name)]
            )
        except HerokuFailure as error:
            return f"; its log could not be read: {error}"

    def _until(self, what: str, deadline_s: float, ask: Callable[[], T | None]) -> T:
        end = time.monotonic() + deadline_s
        while (found := ask()) is None:
            self._rest_or_late(what, deadline_s, end)
        return found

    def _rest_or_late(self, what: str, deadline_s: float, end: float) -> None:
        if time.monotonic() + self.deadlines.poll_s > end:
            raise TooLate(f"{self.app}: {what} not within {deadline_s:g} s; {AGAIN}")
        time.sleep(self.deadlines.poll_s)


def _last(lines: Sequence[str], most: int = 12) -> str:
    """The last lines that say something, as an appendix to a sentence."""
    telling = [line for line in lines if line.strip()][-most:]
    if telling:
        return "\n  it said:\n    " + "\n    ".join(telling)
    return ""
