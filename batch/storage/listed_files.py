"""The files at an address: a file, a folder, or a glob."""

import glob
import os
import posixpath
from collections.abc import Collection, Iterator
from datetime import datetime
from itertools import filterfalse
from typing import Any

import msgspec

from batch.errors import BatchError
from batch.storage.addresses import asked, file_system, is_remote, local_path, scheme_of

CHECKSUMS = ("ETag", "etag", "Content-MD5", "Digest", "md5Hash", "Last-Modified")
"""What file systems call the mark of a file's content, the best first."""
UNKNOWN_SIZE = -1
PER_SECOND = 10**9


class ListedFile(msgspec.Struct, frozen=True):
    """A file. size: UNKNOWN_SIZE where its server does not tell.

    etag: what changes with its content, empty where there is none. modified_ns: 0 likewise.
    """

    address: str
    size: int
    etag: str
    modified_ns: int


def listed_files(pattern: str, suffixes: Collection[str]) -> Iterator[ListedFile]:
    """The files, none where none matches; raises BatchError where that cannot be asked.

    On a disk also what bears such a name and is no file, so that who takes it can say so.
    suffixes: of a folder's files those that end so.
    """
    if is_remote(pattern):
        return _remote(pattern, suffixes)

    return map(_named, _paths(local_path(pattern), suffixes))


def listed_file(address: str) -> ListedFile:
    """A file as it is now; raises OSError, and BatchError where it cannot be asked."""
    if not is_remote(address):
        return _on_disk(local_path(address))

    files, path = file_system(address)
    with asked(address):
        files.invalidate_cache()
        return _remote_file(files, path)


def suffix_of(address: str) -> str:
    """Such as `.csv`."""
    return posixpath.splitext(without_query(address))[1].lower()


def without_query(address: str) -> str:
    """A page's address without what follows its path."""
    if scheme_of(address).startswith("http"):
        return address.partition("?")[0]

    return address


def _paths(pattern: str, suffixes: Collection[str]) -> list[str]:
    if os.path.isdir(pattern):
        paths = []
        for folder, _, names in os.walk(pattern, onerror=_refuse):
            paths += [os.path.join(folder, name) for name in names if suffix_of(name) in suffixes]

        return paths

    # A name may have a glob's signs itself.
    if os.path.isfile(pattern):
        return [pattern]

    return list(filterfalse(os.path.isdir, glob.glob(pattern, recursive=True)))


def _refuse(error: OSError) -> None:
    raise BatchError(
        f"{error.filename} cannot be listed ({error.strerror}): its files would be missing"
    ) from error


def _named(path: str) -> ListedFile:
    try:
        return _on_disk(path)
    except OSError:
        return ListedFile(os.path.abspath(path), UNKNOWN_SIZE, "", 0)


def _on_disk(path: str) -> ListedFile:
    status = os.stat(path)
    return ListedFile(os.path.abspath(path), status.st_size, "", status.st_mtime_ns)


def _remote(pattern: str, suffixes: Collection[str]) -> Iterator[ListedFile]:
    files, path = file_system(pattern)
    with asked(pattern):
        # An earlier answer may be older than the files.
        files.invalidate_cache()
        paths = _remote_paths(files, path, pattern, suffixes)
        if not paths:
            _require_root(files, path, pattern)
        for name in paths:
            yield _remote_file(files, name)


def _remote_paths(files: Any, path: str, pattern: str, suffixes: Collection[str]) -> list[str]:
    is_web = scheme_of(pattern).startswith("http")
    # The address of a page may have a question mark.
    if "*" in path or (not is_web and any(sign in path for sign in "?[")):
        return [name for name in files.glob(path) if not name.endswith("/")]

    # Whether it is a folder a web server does not say but by its whole content.
    is_folder = path.endswith("/") if is_web else files.isdir(path)
    if is_folder:
        return [name for name in files.find(path) if suffix_of(name) in suffixes]

    return [path] if _exists(files, path) else []


def _exists(files: Any, path: str) -> bool:
    """Asked for its notes alone: fsspec would ask a web server for the whole."""
    try:
        files.info(path)
    except FileNotFoundError:
        return False

    return True


def _require_root(files: Any, path: str, pattern: str) -> None:
    """Raise BatchError where not even the bucket exists."""
    if scheme_of(pattern).startswith("http"):
        return

    bucket = path.lstrip("/").partition("/")[0]
    if bucket and not files.exists(bucket):
        raise BatchError(
            f"{pattern}: {scheme_of(pattern)}://{bucket} does not exist, or is not yours to read: "
            f"check its name and your credentials"
        )


def _remote_file(files: Any, path: str) -> ListedFile:
    info = files.info(path)
    etag = next((str(info[name]) for name in CHECKSUMS if info.get(name)), "")
    size = info.get("size")
    if size is None:
        size = UNKNOWN_SIZE

    return ListedFile(
        files.unstrip_protocol(path), size, etag, 0 if etag else _modified_ns(files, path)
    )


def _modified_ns(files: Any, path: str) -> int:
    try:
        modified = files.modified(path)
    except NotImplementedError:
        return 0

    if isinstance(modified, datetime):
        return int(modified.timestamp() * PER_SECOND)

    return 0
