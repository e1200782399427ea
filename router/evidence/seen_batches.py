"""Which batches of a log drain were counted: a batch that the platform sends again counts once.

One empty file a batch, in a folder that all workers of this machine share: a file is made by one of
them alone. Only batches that complain are remembered, and of those the newest."""

import logging
import os
from contextlib import suppress
from hashlib import blake2b
from pathlib import Path

log = logging.getLogger("sluice.frames")
KEPT = 1_000


class SeenBatches:
    """The batches that were counted. Threads and processes may share the folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def first(self, frame: str) -> bool:
        """Whether this batch was not met before; it is from now on. Where nothing can be written,
        all are new.
        """
        name = blake2b(frame.encode(), digest_size=16).hexdigest()
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            return self._made(self.folder / name)
        except OSError as error:
            log.warning(
                "a batch that is sent again would count twice: %s: %s", self.folder, error.strerror
            )
            return True

    def _made(self, path: Path) -> bool:
        """Whether this file was not there; it is now."""
        try:
            os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        except FileExistsError:
            return False

        self._forget()
        return True

    def _forget(self) -> None:
        known = list(self.folder.iterdir())
        if len(known) <= KEPT:
            return

        with suppress(FileNotFoundError):
            # Another worker may be forgetting the same ones.
            for path in sorted(known, key=lambda path: path.stat().st_mtime_ns)[
                : len(known) - KEPT
            ]:
                path.unlink(missing_ok=True)
