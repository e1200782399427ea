"""A lock that one process of a machine has until it ends, however it ends."""

import fcntl
import os
from pathlib import Path


class MachineLock:
    """Taken through a file. Of one process: one made by a fork does not have it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: int | None = None

    def take(self) -> bool:
        """Take it, or find that this process has it; False while another one has it."""
        if self._file is None or not self._is_the_file():
            self._open()

        assert self._file is not None
        try:
            fcntl.lockf(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
        return True

    def release(self) -> None:
        """Leave it to another process."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def _is_the_file(self) -> bool:
        """Whether the file was not deleted since: others would lock a new one."""
        assert self._file is not None
        try:
            return os.path.samestat(os.fstat(self._file), self._path.stat())
        except OSError:
            return False

    def _open(self) -> None:
        self.release()
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
