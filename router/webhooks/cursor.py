"""The last revision that a receiver of webhooks got, stored for the next controller."""

import hashlib
from collections.abc import Callable, Mapping
from typing import Any, Protocol

# A lookup reads at most this many marks, and a search at most PAGES times as many.
PAGE = 100
PAGES = 11


class Progress(Protocol):
    """The cursor of one receiver. Both methods may block and may raise StoreError."""

    def last(self) -> int | None:
        """The newest revision that was delivered or given up; None for a new receiver."""

    def done(self, revision: int) -> None:
        """Record that a revision was delivered or given up; doing so twice changes nothing."""


class Cursors(Protocol):
    """The storage of cursors: store.evidence.EvidenceStore."""

    def mark(self, rollout: str, name: str, body: dict[str, Any]) -> Any:
        """Insert a mark unless there is one of that name."""

    def marks(self, rollout: str) -> Mapping[str, Any]:
        """All marks by name."""


class SavedCursors:
    """A cursor stored as marks, one per revision, in pages of PAGE revisions.

    Pages keep a lookup short after any number of revisions."""

    def __init__(self, marks: Cursors, url: str, newest: Callable[[], int]) -> None:
        self._marks, self._newest = marks, newest
        self._name = f"webhook:{receiver(url)}"

    def last(self) -> int | None:
        """Search backwards from the page of the newest revision."""
        newest = self._newest() // PAGE
        for page in range(newest, max(-1, newest - PAGES), -1):
            names = self._marks.marks(f"{self._name}:{page}")
            if names:
                return max(map(int, names))

        return None

    def done(self, revision: int) -> None:
        """Insert the mark of this revision."""
        self._marks.mark(f"{self._name}:{revision // PAGE}", str(revision), {})


def receiver(url: str) -> str:
    """A name for the receiver without its URL, which may contain a secret."""
    return hashlib.sha256(url.encode()).hexdigest()[:16]
