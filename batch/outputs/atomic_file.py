"""Files that are there as a whole or not at all."""

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

DRAFT = ".draft"


@contextmanager
def replaced(path: Path, mode: int = 0o644, shared: bool = False) -> Iterator[Path]:
    """A path to write to; at the end its file is on the disk under the right name.

    shared: others may write the same file at the same time, the last of whom stays.
    """
    token = f".{secrets.token_hex(4)}" if shared else ""
    draft = path.with_name(f".{path.name}{token}{DRAFT}")
    os.close(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode))
    try:
        yield draft
        _sync(draft)
        draft.replace(path)
        _sync(path.parent)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise


def is_draft(name: str) -> bool:
    """Whether a file of that name is an unfinished one; a process that was killed leaves it."""
    return name.startswith(".") and name.endswith(DRAFT)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
