"""Opens the files of a bundle: regular files of a real folder, never a link, a pipe or a device.

Standard library alone, so that the operator's edge opens them in the same way.
"""

import os
import stat
from pathlib import Path

FORMAT = 2
MANIFEST = "release.yaml"
SIGNATURE = "signature"
GOLDEN = "golden.jsonl"
DISTRIBUTIONS = "distributions.json"
ONNX = "model.onnx"
PICKLE = "model.pkl"

LARGEST_MANIFEST = 64 * 1024 * 1024
LARGEST_SIGNATURE = 4096
_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC


class UnreadableFile(Exception):
    """A file of a bundle is missing, too large, or no regular file; the message names it."""


def read_file(folder: Path, name: str, largest: int) -> bytes:
    """All bytes of a file in `folder`, at most `largest` of them; raises UnreadableFile."""
    path = folder / name
    if Path(name).name != name or "\0" in name or name in ("", ".."):
        raise UnreadableFile(f"{path}: a manifest may only vouch for files beside it")

    if folder.is_symlink():
        raise UnreadableFile(
            f"{folder} is a link, and a bundle is a folder of its own: put the folder there"
        )

    try:
        descriptor = os.open(folder, _FLAGS | os.O_DIRECTORY)
    except OSError as error:
        raise UnreadableFile(f"{path} cannot be read: {error.strerror}") from error

    try:
        return _read(descriptor, path, largest)
    finally:
        os.close(descriptor)


def _read(folder: int, path: Path, largest: int) -> bytes:
    try:
        # Without O_NONBLOCK the opening of a pipe would wait for a writer.
        descriptor = os.open(path.name, _FLAGS | os.O_NONBLOCK, dir_fd=folder)
    except OSError as error:
        if path.is_symlink():
            raise UnreadableFile(
                f"{path} is a link: the bundle was changed after it was signed"
            ) from error

        raise UnreadableFile(f"{path} cannot be read: {error.strerror}") from error

    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise UnreadableFile(
            f"{path} is no regular file: the bundle was changed after it was signed"
        )

    with os.fdopen(descriptor, "rb") as file:
        try:
            raw = file.read(largest + 1)
        except OSError as error:
            raise UnreadableFile(f"{path} cannot be read: {error.strerror}") from error

    if len(raw) > largest:
        raise UnreadableFile(
            f"{path} was changed after it was signed: it has more than {largest} bytes"
        )

    return raw
