"""A file at an address, read as it is needed and never copied as a whole."""

import io
from collections.abc import Callable
from typing import Any, BinaryIO, TypeVar

import pyarrow as pa

from batch.errors import BatchError
from batch.storage.addresses import asked, cause_of, file_system, is_remote, local_path, scheme_of

BLOCK_BYTES = 4 * 1024 * 1024
Result = TypeVar("Result")


class RemoteFile(io.RawIOBase):
    """An open file of fsspec, for those who know Python's files.

    Raises OSError for all that its library raises.
    """

    def __init__(self, address: str, file: Any) -> None:
        self._address, self._file = address, file

    def read(self, size: int = -1) -> bytes:
        """The next bytes."""
        data: bytes = self._asked(lambda: self._file.read(size))
        return data

    def readinto(self, buffer: Any) -> int:
        """The next bytes into a buffer; returns their number."""
        data = self.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to a byte; returns its number."""
        return self._asked(lambda: int(self._file.seek(offset, whence)))

    def tell(self) -> int:
        """The number of the next byte."""
        return int(self._file.tell())

    def readable(self) -> bool:
        """It is."""
        return True

    def seekable(self) -> bool:
        """A stream is not."""
        return bool(self._file.seekable())

    def close(self) -> None:
        """Let go of its connection."""
        if not self.closed:
            self._file.close()

        super().close()

    def _asked(self, call: Callable[[], Result]) -> Result:
        try:
            return call()
        except Exception as error:
            raise OSError(f"{self._address}: {cause_of(error)}") from error


def open_ranges(address: str) -> pa.NativeFile:
    """A remote file of which any range can be read, and no more than that is asked for.

    Raises BatchError.
    """
    files, path = file_system(address)
    with asked(address):
        return pa.PythonFile(RemoteFile(address, files.open(path, "rb", cache_type="none")), "r")


def open_stream(address: str) -> BinaryIO:
    """A file that is read once, from its first byte to its last; raises BatchError, or OSError of a
    path.
    """
    if not is_remote(address):
        return open(local_path(address), "rb")

    files, path = file_system(address)
    with asked(address):
        return io.BufferedReader(RemoteFile(address, _stream(files, path, address)), BLOCK_BYTES)


def native_stream(address: str) -> pa.NativeFile:
    """The same for pyarrow, which reads files of this machine by itself."""
    if is_remote(address):
        return pa.PythonFile(open_stream(address), "r")

    return pa.OSFile(local_path(address), "r")


def first_bytes(address: str, count: int) -> bytes:
    """So many bytes, or fewer of a shorter file; raises BatchError where they cannot be read."""
    try:
        with open_stream(address) as file:
            return file.read(count)
    except OSError as error:
        raise BatchError(f"{address} cannot be read: {error.strerror or error}") from error


def _stream(files: Any, path: str, address: str) -> Any:
    # A web server gives all of it in one answer.
    if scheme_of(address).startswith("http"):
        return files.open(path, "rb", block_size=0)

    return files.open(path, "rb", block_size=BLOCK_BYTES, cache_type="readahead")
