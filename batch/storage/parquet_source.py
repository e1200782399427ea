"""What pyarrow reads Parquet from."""

from collections.abc import Iterator
from contextlib import contextmanager

import pyarrow as pa
import pyarrow.parquet as pq

from batch.errors import BatchError
from batch.storage.addresses import is_remote, local_path
from batch.storage.remote_file import open_ranges


@contextmanager
def parquet_source(path: str) -> Iterator[str | pa.NativeFile]:
    """A path, or a remote file of which ranges are read; raises BatchError."""
    if not is_remote(path):
        yield local_path(path)
        return

    with open_ranges(path) as file:
        yield file


def metadata_of(path: str) -> pq.FileMetaData:
    """A file's own notes: its columns and row groups; raises BatchError."""
    try:
        with parquet_source(path) as source:
            return pq.read_metadata(source)
    except (OSError, ValueError) as error:
        raise BatchError(f"{path} cannot be read as Parquet: {error}") from error
