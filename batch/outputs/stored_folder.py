"""A folder of outputs: of this machine's disk, or of an object store."""

from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

import pyarrow as pa

from batch.outputs.disk_folder import DiskFolder
from batch.outputs.object_folder import ObjectFolder
from batch.storage.addresses import is_remote, local_path


class StoredFolder(Protocol):
    """Files by their names within it, each of which is whole or does not exist.

    All raise OSError of a disk, and BatchError of an object store.
    """

    @property
    def address(self) -> str:
        """Where it is."""

    def within(self, name: str) -> "StoredFolder":
        """A folder in it."""

    def make(self) -> None:
        """Make it, for its user alone, where such a thing has to be made."""

    def names(self) -> set[str]:
        """What is in it, apart from a lock and drafts of ours."""

    def exists(self, name: str) -> bool:
        """Whether a file has the name."""

    def read(self, name: str) -> bytes:
        """All of a file."""

    def opened(self, name: str) -> pa.NativeFile:
        """A file, of which no more is read than is asked for."""

    def write_new(self, name: str, data: bytes) -> None:
        """Write a file; raises FileExistsError where another was first."""

    def draft(self, name: str, mode: int = 0o644) -> AbstractContextManager[Path]:
        """A path to write to; at the end its file has the name. mode: of a disk's file."""

    def remove(self, name: str) -> None:
        """Delete a file, where it exists."""

    def delete(self) -> None:
        """Delete it with all that is in it, as far as that can be."""

    def locked(self) -> AbstractContextManager[None]:
        """Keep it for this run; raises BatchError while another run of this machine has it."""


def folder_at(address: str | Path) -> StoredFolder:
    """The folder at an address or path; raises BatchError where nothing can be written there."""
    text = str(address)
    if is_remote(text):
        return ObjectFolder.at(text)

    return DiskFolder(local_path(text))
