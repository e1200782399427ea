"""A folder of this machine's disk."""

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from itertools import filterfalse
from pathlib import Path

import pyarrow as pa

from batch.errors import BatchError
from batch.outputs.atomic_file import is_draft, replaced

LOCK = "_lock"


@dataclass(frozen=True)
class DiskFolder:
    """See StoredFolder. address: its path. shared: several processes may write the same file."""

    address: str
    shared: bool = False

    @property
    def path(self) -> Path:
        """The same for the standard library."""
        return Path(self.address)

    def within(self, name: str) -> "DiskFolder":
        """A folder in it, which may be shared: a worker that is believed dead may still write."""
        return DiskFolder(str(self.path / name), shared=True)

    def make(self) -> None:
        """Make it, for its user alone."""
        self.path.mkdir(mode=0o700, exist_ok=True)

    def names(self) -> set[str]:
        """What is in it, without its lock and what a killed run was writing."""
        try:
            names = {path.name for path in self.path.iterdir()}
        except FileNotFoundError:
            return set()

        return set(filterfalse(is_draft, names - {LOCK}))

    def exists(self, name: str) -> bool:
        """Whether a file has the name."""
        return (self.path / name).exists()

    def read(self, name: str) -> bytes:
        """All of a file."""
        return (self.path / name).read_bytes()

    def opened(self, name: str) -> pa.NativeFile:
        """A file, mapped into memory."""
        return pa.memory_map(str(self.path / name))

    def write_new(self, name: str, data: bytes) -> None:
        """Write a file; the lock sees to it that nobody was first."""
        with self.draft(name) as draft:
            draft.write_bytes(data)

    def draft(self, name: str, mode: int = 0o644) -> AbstractContextManager[Path]:
        """A path to write to; at the end its file is on the disk under the right name."""
        path = self.path / name
        # The folder itself is never made anew: elsewhere it would be another one.
        if path.parent != self.path:
            path.parent.mkdir(parents=True, exist_ok=True)

        return replaced(path, mode, self.shared)

    def remove(self, name: str) -> None:
        """Delete a file, where it exists."""
        (self.path / name).unlink(missing_ok=True)

    def delete(self) -> None:
        """Delete it with all that is in it."""
        shutil.rmtree(self.path, ignore_errors=True)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Make it and keep it for this run; raises BatchError while another run has it."""
        try:
            self.path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise BatchError(f"{self.address} cannot be written to: {error.strerror}") from error

        with locked_by(self.path / LOCK, self.address):
            yield


@contextmanager
def locked_by(path: Path, what: str) -> Iterator[None]:
    """Hold a lock, which ends with this process; raises BatchError while another one has it."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        raise BatchError(f"{what} cannot be written to: {error.strerror}") from error

    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise BatchError(
                f"another run writes into {what}: wait for its end, or take another folder"
            ) from error

        yield
    finally:
        os.close(descriptor)
