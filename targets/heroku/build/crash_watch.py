"""Watches booting dynos: their states, and which of them stay crashed."""

import time
from collections.abc import Sequence

from targets.heroku.api.dynos import Dyno


class CrashWatch:
    """The dynos of one app while they boot. grace_s: how long one may stay crashed."""

    def __init__(self, grace_s: float) -> None:
        self._grace_s = grace_s
        self._seen: dict[str, str] = {}
        self._crashes: dict[str, set[str]] = {}
        self._since: dict[str, float] = {}
        self._ids: dict[str, set[str]] = {}

    def changes(self, running: Sequence[Dyno]) -> list[str]:
        """One line a dyno whose state or release changed."""
        lines = []
        for dyno in running:
            state = f"{dyno.state} at v{dyno.release}"
            if self._seen.get(dyno.id) != state:
                self._seen[dyno.id] = state
                lines.append(f"{dyno.name} {state}")

        return lines

    def broken(self, running: Sequence[Dyno], version: int) -> Dyno | None:
        """A dyno of that release that crashed twice, or did not come back within the grace.

        Heroku starts a crashed dyno again at once, under another id: so the first crash is seldom
        seen itself."""
        for dyno in running:
            ids = self._ids.setdefault(f"{dyno.name} v{dyno.release}", set())
            ids.add(dyno.id)
            if dyno.state != "crashed" or dyno.release < version:
                self._since.pop(dyno.name, None)
                continue
            crashes = self._crashes.setdefault(dyno.name, set())
            crashes.add(f"{dyno.id} {dyno.updated_at}")
            since = self._since.setdefault(dyno.name, time.monotonic())
            if len(crashes) > 1 or len(ids) > 1 or time.monotonic() - since >= self._grace_s:
                return dyno

        return None
