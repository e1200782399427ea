"""How far a receiver of webhooks has been told, kept where the next leading router finds it."""

import hashlib
from collections.abc import Callable, Mapping
from typing import Any, Protocol

# One look reads at most this many marks, and a search at most PAGES times as many.
PAGE = 100
PAGES = 11


class Progress(Protocol):
    """The memory of one receiver. Both methods may block and may raise StoreError."""

    def last(self) -> int | None:
        """The newest revision that was delivered or given up; None for a receiver that is new."""

    def done(self, revision: int) -> None:
        """Remember that revision; to do so twice changes nothing."""


class Cursors(Protocol):
    """What it is kept in: store.evidence.EvidenceStore."""

    def mark(self, rollout: str, name: str, body: dict[str, Any]) -> Any:
        """Insert once."""

    def marks(self, rollout: str) -> Mapping[str, Any]:
        """All of them by name."""


class SavedCursors:
    """Progress as marks, one a revision, in pages of PAGE revisions, so that a look stays short
    however long it ran.
    """

    def __init__(self, marks: Cursors, url: str, newest: Callable[[], int]) -> None:
        self._marks, self._newest = marks, newest
        self._name = f"webhook:{receiver(url)}"

    def last(self) -> int | None:
        """Looks from the newest revision's page backwards."""
        newest = self._newest() // PAGE
        for page in range(newest, max(-1, newest - PAGES), -1):
            names = self._marks.marks(f"{self._name}:{page}")
            if names:
                return max(int(name) for name in names)

        return None

    def done(self, revision: int) -> None:
        """One mark."""
        self._marks.mark(f"{self._name}:{revision // PAGE}", str(revision), {})


def receiver(url: str) -> str:
    """A receiver's name that does not give its address away: it may hold a secret."""
    return hashlib.sha256(url.encode()).hexdigest()[:16]
