"""A folder of an object store, where nothing is renamed: an object appears when it is complete."""

import hashlib
import os
import posixpath
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from batch.errors import BatchError
from batch.outputs.disk_folder import locked_by
from batch.storage.addresses import asked, file_system, scheme_of
from batch.storage.remote_file import open_ranges

UPLOAD_OPTIONS: dict[str, dict[str, Any]] = {"s3": {"chunksize": 8 * 1024 * 1024}}
"""s3fs has ten chunks in memory at once."""
ONLY_READ = ("http", "https", "data", "github", "zip", "tar")


@dataclass(frozen=True)
class ObjectFolder:
    """See StoredFolder. Files are written on this machine's disk first, and sent as a whole."""

    address: str

    @classmethod
    def at(cls, address: str) -> "ObjectFolder":
        """The folder at an address; raises BatchError where nothing can be written."""
        if scheme_of(address) in ONLY_READ:
            raise BatchError(
                f"{address} cannot be written to: give --out a folder, or an object store's "
                f"address such as s3://bucket/predictions"
            )

        file_system(address)
        return cls(address.rstrip("/"))

    def within(self, name: str) -> "ObjectFolder":
        """A folder in it."""
        return ObjectFolder(f"{self.address}/{name}")

    def make(self) -> None:
        """Nothing: folders are but the beginnings of names."""

    def names(self) -> set[str]:
        """What is in it."""
        files, path = self._files()
        with asked(self.address):
            try:
                entries = files.ls(path, detail=False)
            except FileNotFoundError:
                return set()

        return {posixpath.basename(name.rstrip("/")) for name in entries}

    def exists(self, name: str) -> bool:
        """Whether an object has the name."""
        files, path = self._files(name)
        with asked(f"{self.address}/{name}"):
            return bool(files.exists(path))

    def read(self, name: str) -> bytes:
        """All of an object; raises FileNotFoundError."""
        files, path = self._files(name)
        with asked(f"{self.address}/{name}"):
            data: bytes | None = None
            if files.exists(path):
                data = files.cat_file(path)

        if data is None:
            raise FileNotFoundError(f"{self.address}/{name}")
        return data

    def opened(self, name: str) -> pa.NativeFile:
        """An object, of which ranges are read."""
        return open_ranges(f"{self.address}/{name}")

    def write_new(self, name: str, data: bytes) -> None:
        """Write an object; raises FileExistsError where another run was first."""
        files, path = self._files(name)
        with asked(f"{self.address}/{name}"):
            try:
                files.pipe_file(path, data, mode="create")
                return
            except FileExistsError:
                pass
            except (TypeError, NotImplementedError):
                # A store without conditions.
                files.pipe_file(path, data)
                return

        raise FileExistsError(f"{self.address}/{name}")

    @contextmanager
    def draft(self, name: str, mode: int = 0o644) -> Iterator[Path]:
        """A path to write to; at the end its file is the object. mode: of that file."""
        with tempfile.TemporaryDirectory(prefix="sluice-") as folder:
            draft = Path(folder) / posixpath.basename(name)
            os.close(os.open(draft, os.O_WRONLY | os.O_CREAT, mode))
            yield draft
            files, path = self._files(name)
            options = UPLOAD_OPTIONS.get(scheme_of(self.address), {})
            with asked(f"{self.address}/{name}"):
                files.put_file(str(draft), path, **options)

    def remove(self, name: str) -> None:
        """Delete an object, where it exists."""
        files, path = self._files(name)
        with asked(f"{self.address}/{name}"):
            if files.exists(path):
                files.rm_file(path)

    def delete(self) -> None:
        """Delete all that is in it; what stays does no harm."""
        files, path = self._files()
        with asked(self.address):
            if files.exists(path):
                files.rm(path, recursive=True)

    def locked(self) -> AbstractContextManager[None]:
        """Keep it from other runs of this user on this machine.

        Those of other machines are kept out by the manifest, which only one of them can create.
        """
        digest = hashlib.sha256(self.address.encode()).hexdigest()[:32]
        path = Path(tempfile.gettempdir()) / f"sluice-{os.getuid()}-{digest}.lock"
        return locked_by(path, self.address)

    def _files(self, name: str = "") -> tuple[Any, str]:
        """The file system, which asks anew, and the path of an object."""
        files, path = file_system(f"{self.address}/{name}" if name else self.address)
        files.invalidate_cache()
        return files, path
