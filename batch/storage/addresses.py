"""Addresses of files: paths of this machine, or `scheme://` of what fsspec knows."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from batch.errors import BatchError

FILE = "file://"
PACKAGES = {
    "s3": "s3fs",
    "s3a": "s3fs",
    "gs": "gcsfs",
    "gcs": "gcsfs",
    "abfs": "adlfs",
    "abfss": "adlfs",
    "az": "adlfs",
    "adl": "adlfs",
}
"""What reads a scheme beside fsspec itself."""


def is_remote(address: str) -> bool:
    """Whether it is no path of this machine."""
    return "://" in address and not address.startswith(FILE)


def local_path(address: str) -> str:
    """The path of an address of this machine."""
    return address.removeprefix(FILE)


def scheme_of(address: str) -> str:
    """Such as `s3`."""
    return address.partition("://")[0]


def file_system(address: str) -> tuple[Any, str]:
    """fsspec's file system of an address, and the path there.

    Raises BatchError where a package is missing or the scheme is not known.
    """
    scheme = scheme_of(address)
    if "::" in address:
        raise BatchError(
            f"{address} is a chain of addresses: give the last one alone, since files are read as "
            f"they are needed, and not copied first"
        )

    try:
        from fsspec.core import url_to_fs

        files, path = url_to_fs(address)
    except ImportError as error:
        package = PACKAGES.get(scheme, "fsspec")
        raise BatchError(
            f"{scheme}:// needs the package {package}, which is not installed: "
            f"{sys.executable} -m pip install {package}"
        ) from error
    except ValueError as error:
        raise BatchError(f"{address} cannot be reached: {error}") from error

    return files, path


@contextmanager
def asked(address: str) -> Iterator[None]:
    """Ask a file system; raises BatchError for all that its library raises."""
    try:
        yield
    except BatchError:
        raise
    except Exception as error:
        raise BatchError(f"{address} cannot be reached: {cause_of(error)}") from error


def cause_of(error: BaseException) -> str:
    """Why a file system failed, in one line."""
    if isinstance(error, FileNotFoundError) and _is_bare(error):
        return "it does not exist"

    text = " ".join(str(error).split())
    return text or type(error).__name__


def _is_bare(error: FileNotFoundError) -> bool:
    """Whether the text is a path alone, which says nothing of what happened."""
    return error.errno is None and " " not in str(error)
