"""Remembers the batches of a log drain, so that one that the platform sends again counts once.

Each batch is an empty file in a folder that all workers of this machine share; only one of them can
create it. Only the newest batches with error codes are remembered."""

import logging
import os
from contextlib import suppress
from hashlib import blake2b
from pathlib import Path

log = logging.getLogger("sluice.frames")
KEPT = 1_000


class SeenBatches:
    """The batches that were counted. Threads and processes can share the folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def first(self, frame: str) -> bool:
        """Record a batch. Returns whether it is new; True if nothing can be written."""
        name = blake2b(frame.encode(), digest_size=16).hexdigest()
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            return self._created(self.folder / name)
        except OSError as error:
            log.warning(
                "a batch that is sent again would count twice: %s: %s", self.folder, error.strerror
            )
            return True

    def _created(self, path: Path) -> bool:
        """Create a file. Returns False where it existed."""
        try:
            os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        except FileExistsError:
            return False

        self._forget()
        return True

    def _forget(self) -> None:
        known = list(self.folder.iterdir())
        surplus = len(known) - KEPT
        if surplus <= 0:
            return

        # Another worker may delete the same files.
        with suppress(FileNotFoundError):
            known.sort(key=lambda path: path.stat().st_mtime_ns)
            for path in known[:surplus]:
                path.unlink(missing_ok=True)
