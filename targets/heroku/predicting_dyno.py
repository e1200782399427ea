"""Predicts files in a one-off dyno of a version's app, and follows it by its log.

A dyno that is not attached outlives the command that started it: whoever runs the same command
again follows the same dyno.
"""

import hashlib
import json
import re
import time
from collections.abc import Callable, Mapping
from typing import Any

from deployment.workspace.bundles import Release
from deployment.workspace.errors import EdgeFailure, Interrupted
from targets.heroku.api.dynos import OneOff, one_offs, run_once
from targets.heroku.api.logs import MOST_LINES, error_codes, recent_lines
from targets.heroku.app_group import AppGroup
from targets.heroku.build.slug_source import BUNDLE, PUBLIC_KEY
from targets.heroku.log_errors import CAUSES

COMMAND = "python -m batch.one_off"
MOST_S = 24 * 3600
POLL_S = 5.0
# A log comes a little later than the state of its dyno.
LAST_LOOKS = 3
SHOWN = 5
WITHOUT_ROOM = "No module named"
_LINE = re.compile(r"^\S+ (app|heroku)\[[^\]]*\]: (.*)$")
_EXITED = re.compile(r"^Process exited with status (\d+)")
Event = dict[str, Any]


class PredictingDyno:
    """One run in an app. poll_s: between two looks at its log."""

    def __init__(self, group: AppGroup, app: str, poll_s: float = POLL_S) -> None:
        self.group, self.app, self.poll_s = group, app, poll_s
        self._seen: set[str] = set()
        self._last: Event = {}
        self._exit: int | None = None
        self._other: list[str] = []

    def predict(
        self,
        release: Release,
        job: Mapping[str, Any],
        env: Mapping[str, str],
        tell: Callable[[Event], None],
    ) -> Event:
        """Start the run, or follow it where it runs already; returns its last event.

        env: what the dyno alone is told, such as the keys of an object store. Raises HerokuFailure,
        EdgeFailure, Interrupted.
        """
        dyno = self._started(release, job, env)
        try:
            while self._runs(dyno):
                self._read(dyno, tell)
                time.sleep(self.poll_s)

            for _ in range(LAST_LOOKS):
                self._read(dyno, tell)
                if self._exit is not None:
                    break
                time.sleep(self.poll_s)
        except KeyboardInterrupt as error:
            raise Interrupted(
                f"{dyno.name} goes on in {self.app}: the same command follows it again, `heroku "
                f"ps:stop {dyno.name} -a {self.app}` ends it"
            ) from error

        return self._ended(dyno)

    def _started(self, release: Release, job: Mapping[str, Any], env: Mapping[str, str]) -> OneOff:
        text = json.dumps({**job, "bundle": BUNDLE, "public_key": PUBLIC_KEY}, sort_keys=True)
        digest = hashlib.sha256(f"{release.digest}{text}".encode()).hexdigest()[:12]
        command = f"{COMMAND} {digest}"
        for dyno in one_offs(self.group.client, self.app):
            if dyno.command == command:
                self.group.say(f"{self.app}: {dyno.name} predicts already, and is followed")
                return dyno

        more = {
            **env,
            "SLUICE_BATCH_JOB": text,
            "SLUICE_BATCH_BUNDLE": release.digest,
            "OMP_NUM_THREADS": "1",
        }
        size = self.group.workspace.settings.heroku.version_size
        dyno = run_once(self.group.client, self.app, command, more, size, MOST_S)
        self.group.say(f"{self.app}: {dyno.name} ({dyno.size}) predicts; it ends with the run")
        return dyno

    def _runs(self, dyno: OneOff) -> bool:
        running = one_offs(self.group.client, self.app)
        return any(other.name == dyno.name for other in running)

    def _read(self, dyno: OneOff, tell: Callable[[Event], None]) -> None:
        """Tell the events that came since."""
        lines = recent_lines(self.group.client, self.app, MOST_LINES, dyno=dyno.name)
        for line in lines:
            match = _LINE.match(line)
            if match and line not in self._seen:
                self._seen.add(line)
                self._take(match[1], match[2], tell)

        for code in error_codes(lines):
            if code not in self._seen:
                self._seen.add(code)
                self.group.say(f"{dyno.name}: {code}: {CAUSES.get(code, 'see its log')}")

    def _take(self, source: str, text: str, tell: Callable[[Event], None]) -> None:
        exited = _EXITED.match(text)
        if source == "heroku":
            if exited:
                self._exit = int(exited[1])
            return

        event = _event(text)
        if event is None:
            self._other = [*self._other, text][-SHOWN:]
        else:
            self._last = event
            tell(event)

    def _ended(self, dyno: OneOff) -> Event:
        if self._last.get("event") == "refused":
            raise EdgeFailure(self._last["detail"])
        if self._last.get("event") == "ended" and self._last["state"] != "interrupted":
            return self._last

        output = " / ".join(self._other) or "it printed nothing"
        if WITHOUT_ROOM in output:
            raise EdgeFailure(
                f"{self.app} was deployed without what reads files ({output}): set "
                f"predicts_files = true under [heroku] in deploy.toml, and deploy the version again"
            )

        raise EdgeFailure(
            f"{dyno.name} ended with exit status {self._exit} before the run did ({output}): the "
            f"same command goes on where it stopped"
        )


def _event(text: str) -> Event | None:
    """An event of the run; None of any other line."""
    try:
        value = json.loads(text)
    except ValueError:
        return None

    if isinstance(value, dict) and "event" in value:
        return value

    return None
