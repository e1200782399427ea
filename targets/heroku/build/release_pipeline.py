"""Waits of one app: build, its release, the release's command, every web dyno up; each with a
deadline.

Nothing is stored between two runs: each step first reads the platform's state. So a run after
Ctrl-C follows the build in progress, releases a slug that was built before, and makes nothing
twice. Whether a version answers its golden rows is for the caller to ask at its address."""

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
from targets.heroku.build.crash_watch import CrashWatch
from targets.heroku.build.tarball import Tarball
from targets.heroku.errors import BuildFailed, HerokuFailure, ReleaseFailed, TooLate

T = TypeVar("T")
WEB = "web"
# An idle dyno of the size Eco sleeps, and wakes with the next request.
READY = ("up", "idle")
AGAIN = "run the same command again: it continues from here"
LOG_LINES = 20


@dataclass(frozen=True)
class Deadlines:
    """How long each step may take, in seconds.

    Heroku ends a build after 15 minutes and a release command after an hour at most; a dyno has 60
    s to boot.

    crash_grace_s: how long a dyno may stay crashed, since Heroku restarts it once
    poll_s: between two requests
    """

    build_s: float = 960.0
    linked_s: float = 60.0
    release_s: float = 900.0
    dynos_s: float = 300.0
    addon_s: float = 900.0
    crash_grace_s: float = 20.0
    poll_s: float = 2.0


@dataclass(frozen=True)
class Live:
    """A release that succeeded, and the dynos that run it: none where scaled to zero."""

    build: Build
    release: Release
    dynos: tuple[Dyno, ...]


class ReleasePipeline:
    """Builds and releases of one app.

    say: gets each step, and every line that a build or release command writes
    """

    def __init__(
        self, client: Client, app: str, say: Say, deadlines: Deadlines | None = None
    ) -> None:
        self.client, self.app, self.say = client, app, say
        self.deadlines = deadlines or Deadlines()

    def build_and_release(self, tarball: Tarball) -> Live:
        """Build and release a tarball, or continue an earlier run; returns when all web dynos run
        it.

        Raises BuildFailed, ReleaseFailed, TooLate naming the step, and what the client raises.
        """
        earlier = self._earlier_build(tarball)
        if earlier is not None and not earlier.pending:
            build = earlier
            release = self._release_again(build, tarball)
        else:
            build = self._follow(earlier or self._start(tarball))
            release = self.release_of(build)

        succeeded = self.wait_succeeded(release)
        return Live(build, succeeded, self.wait_up(succeeded.version))

    def release_of(self, made: Build) -> Release:
        """The release that a succeeded build makes a little later; raises TooLate."""

        def ask() -> str | None:
            return made.release or build(self.client, self.app, made.id).release

        return release(
            self.client, self.app, self._until("the build's release", self.deadlines.linked_s, ask)
        )

    def wait_succeeded(self, waited: Release) -> Release:
        """The release once its command succeeded.

        Raises ReleaseFailed with the command's last lines, TooLate.
        """
        end = time.monotonic() + self.deadlines.release_s
        lines: list[str] = []
        while waited.status == PENDING:
            if waited.output_url:
                lines = self._read_release(waited, end)
            waited = release(self.client, self.app, waited.id)
            if waited.status == PENDING:
                self._sleep_or_time_out(f"release v{waited.version}", self.deadlines.release_s, end)

        if waited.status != SUCCEEDED:
            raise ReleaseFailed(
                f"{self.app}: release v{waited.version} {waited.status}, the one before it still "
                f"serves{_last(lines)}"
            )

        self.say(f"{self.app}: release v{waited.version} succeeded")
        return waited

    def wait_up(self, version: int) -> tuple[Dyno, ...]:
        """Every web dyno, once all are up at that release or a later one.

        Raises ReleaseFailed, TooLate.
        """
        watch = CrashWatch(self.deadlines.crash_grace_s)

        def ask() -> tuple[Dyno, ...] | None:
            scale = formation(self.client, self.app).get(WEB)
            if scale is not None and scale.quantity == 0:
                self.say(f"{self.app}: scaled to no dyno")
                return ()

            running = [dyno for dyno in dynos(self.client, self.app) if dyno.type == WEB]
            for line in watch.changes(running):
                self.say(f"{self.app}: {line}")

            if broken := watch.broken(running, version):
                raise ReleaseFailed(
                    f"{self.app}: {broken.name} crashed at v{broken.release}{self._log(broken)}"
                )

            ready = [dyno for dyno in running if dyno.state in READY and dyno.release >= version]
            enough = scale is not None and len(ready) >= scale.quantity
            if enough and len(ready) == len(running):
                return tuple(ready)
            return None

        return self._until(f"every web dyno up at v{version}", self.deadlines.dynos_s, ask)

    def wait_settled(self) -> Release | None:
        """The newest release once none is pending; None where the app has none."""
        end = time.monotonic() + self.deadlines.release_s
        while (release := newest(self.client, self.app)) is not None and release.status == PENDING:
            self._sleep_or_time_out(f"release v{release.version}", self.deadlines.release_s, end)
        return release

    def configure(self, values: Mapping[str, str | None]) -> bool:
        """Set config vars in one request, None removes; waits for the release that this makes.

        Returns whether anything changed. Raises ReleaseFailed where the release command refuses the
        new values."""
        self.wait_settled()
        if not change(self.client, self.app, values):
            return False

        made = self.wait_settled()
        if made is not None and made.status != SUCCEEDED:
            raise ReleaseFailed(
                f"{self.app}: release v{made.version} {made.status}, the old config vars still hold"
            )

        self.say(f"{self.app}: config vars set ({', '.join(sorted(values))})")
        return True

    def wait_provisioned(self, ordered: Addon) -> Addon:
        """The add-on once it can be used, which may take minutes.

        Raises TooLate, or HerokuFailure where it was refused.
        """
        states: list[str] = []

        def ask() -> Addon | None:
            current = addon(self.client, ordered.id)
            if current is None or current.state.startswith("deprovision"):
                raise HerokuFailure(
                    f"{ordered.name} was not provisioned: see `heroku addons:info {ordered.name}`, "
                    "then try again"
                )

            if current.state not in states:
                states.append(current.state)
                self.say(f"{self.app}: {current.name} ({current.plan}) {current.state}")

            if current.state == "provisioned":
                return current
            return None

        return self._until(f"add-on {ordered.name}", self.deadlines.addon_s, ask)

    def _earlier_build(self, tarball: Tarball) -> Build | None:
        """The newest build of exactly these bytes, unless it failed."""
        build = next(iter(builds_of(self.client, self.app, tarball.version)), None)
        if build is None or build.status == "failed":
            return None

        state = "continues" if build.pending else "exists"
        self.say(f"{self.app}: build of {tarball.version} {state}")
        return build

    def _start(self, tarball: Tarball) -> Build:
        self.say(f"{self.app}: uploading {tarball.version} ({len(tarball.content) / 1e6:.1f} MB)")
        source = send_source(self.client, tarball.content, tarball.checksum, tarball.version)
        made = create_build(self.client, self.app, source)
        self.say(f"{self.app}: build of {tarball.version} started")
        return made

    def _follow(self, made: Build) -> Build:
        """The build once it succeeded; its output is reported line by line."""
        end = time.monotonic() + self.deadlines.build_s
        state = [made]

        def over() -> bool:
            state[0] = build(self.client, self.app, made.id)
            return not state[0].pending

        lines: list[str] = []
        if made.output_url:
            lines = follow(made.output_url, self._quote, over, end, self.deadlines.poll_s)

        while not over():
            self._sleep_or_time_out("the build", self.deadlines.build_s, end)

        if state[0].status != SUCCEEDED:
            raise BuildFailed(f"{self.app}: the build failed, nothing was released{_last(lines)}")

        self.say(f"{self.app}: build succeeded")
        return state[0]

    def _release_again(self, made: Build, tarball: Tarball) -> Release:
        """The newest release if it is this build's, else a new release of its slug."""
        own = self.release_of(made)
        newest_release = newest(self.client, self.app) or own
        same_slug = made.slug is not None and newest_release.slug == made.slug
        is_ours = same_slug or newest_release.id == own.id

        if is_ours and (made.slug is None or newest_release.status in (PENDING, SUCCEEDED)):
            return newest_release
        if made.slug is None:
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
        """The dyno's last log lines; a log that cannot be read must not hide the crash."""
        try:
            lines = recent_lines(self.client, self.app, LOG_LINES, dyno=broken.name)
            return _last(list(map(plain, lines)))
        except HerokuFailure as error:
            return f"; its log could not be read: {error}"

    def _until(self, what: str, deadline_s: float, ask: Callable[[], T | None]) -> T:
        end = time.monotonic() + deadline_s
        while (answer := ask()) is None:
            self._sleep_or_time_out(what, deadline_s, end)
        return answer

    def _sleep_or_time_out(self, what: str, deadline_s: float, end: float) -> None:
        if time.monotonic() + self.deadlines.poll_s > end:
            raise TooLate(f"{self.app}: {what} timed out after {deadline_s:g} s; {AGAIN}")
        time.sleep(self.deadlines.poll_s)


def _last(lines: Sequence[str], most: int = 12) -> str:
    """The last lines that are not empty, as an appendix to a sentence."""
    messages = [line for line in lines if line.strip()][-most:]
    if messages:
        return "\n  its last lines:\n    " + "\n    ".join(messages)
    return ""
