"""Finds the input files of a run, and where the predictions of each go."""

import os
import posixpath
from collections.abc import Iterable, Sequence
from itertools import chain

import msgspec

from batch.errors import BatchError
from batch.storage.addresses import is_remote, local_path
from batch.storage.listed_files import (
    ListedFile,
    listed_file,
    listed_files,
    suffix_of,
    without_query,
)

FORMATS = {
    ".parquet": "parquet",
    ".pq": "parquet",
    ".csv": "csv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
}


class InputFile(msgspec.Struct, frozen=True):
    """A file to predict. path: of this machine, or an address. name: relative to the folder that
    all inputs share.

    modified_ns, size, etag: by which a changed file is told from the one that was begun.
    """

    path: str
    name: str
    format: str
    size: int
    modified_ns: int
    etag: str = ""


def find_input_files(patterns: Sequence[str], out: str | None = None) -> list[InputFile]:
    """The files in order of their names; raises BatchError where there are none or of what kind.

    out: a folder of predictions, which are no inputs although they lie within a folder of inputs.
    """
    own = None if out is None else f"{_full(out)}/"
    matches = chain.from_iterable(_matches(pattern, own) for pattern in patterns)
    files = {without_query(file.address): file for file in matches}
    folder = posixpath.commonpath(list(map(posixpath.dirname, files)))
    named = ((files[path], posixpath.relpath(path, folder)) for path in sorted(files))
    return [_input_file(file, name) for file, name in named if not _is_hidden(name)]


def require_unchanged(file: InputFile) -> None:
    """Raise BatchError where a file is no longer what it was when it was listed."""
    try:
        now = listed_file(file.path)
    except OSError as error:
        raise BatchError(
            f"{file.path} is gone while it was predicted ({error.strerror or error}): put it back, "
            f"then the same command goes on"
        ) from error

    if (now.size, now.etag, now.modified_ns) != (file.size, file.etag, file.modified_ns):
        raise BatchError(
            f"{file.path} was changed while it was predicted, so its rows may be of both: let its "
            f"writer end, and take another folder for --out, or remove this one"
        )


def _full(out: str) -> str:
    if is_remote(out):
        return out.rstrip("/")

    return os.path.abspath(local_path(out))


def _matches(pattern: str, own: str | None) -> Iterable[ListedFile]:
    files = [
        file
        for file in listed_files(pattern, FORMATS)
        if not _is_hidden(posixpath.basename(file.address))
        and not (own and file.address.startswith(own))
    ]
    if files:
        return files

    raise BatchError(f"{pattern} matches no file: give a file, a folder, or a glob in quotes")


def _input_file(file: ListedFile, name: str) -> InputFile:
    if not _is_text(file.address):
        raise BatchError(f"{file.address!a} is no name in UTF-8: give the file another one")

    if not is_remote(file.address) and not os.path.isfile(file.address):
        raise BatchError(
            f"{file.address} is a link to nothing, or no regular file: remove it, or give another "
            f"pattern"
        )

    kind = FORMATS.get(suffix_of(name))
    if kind is None:
        raise BatchError(
            f"{file.address} is none of {', '.join(FORMATS)}: convert it, or give another pattern"
        )

    return InputFile(file.address, name, kind, file.size, file.modified_ns, file.etag)


def _is_hidden(name: str) -> bool:
    """Whether it, or a folder in it, is a run's own, here as in Hadoop and Spark."""
    return any(part.startswith(("_", ".")) for part in name.split("/"))


def _is_text(address: str) -> bool:
    try:
        address.encode()
    except UnicodeEncodeError:
        return False

    return True
