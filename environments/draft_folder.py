"""Drafts of folders that one rename makes visible: beside their place, and gone in the end."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def draft_folder(target: Path, abandoned: str = "*") -> Iterator[Path]:
    """The path of a draft of the target, where nothing is yet, for as long as the context lasts.

    abandoned: a pattern of the targets whose drafts are removed first, if they are of processes
    that were killed."""
    _clear_abandoned(target.parent, abandoned)
    draft = draft_path(target)
    # An older draft of this name is of a dead process that had our number.
    shutil.rmtree(draft, ignore_errors=True)
    try:
        yield draft
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def draft_path(target: Path) -> Path:
    """Where this process drafts a folder."""
    return target.with_name(f".{target.name}.partial-{os.getpid()}")


def _clear_abandoned(folder: Path, targets: str) -> None:
    for draft in folder.glob(f".{targets}.partial-*"):
        pid = draft.name.rpartition("-")[2]
        if pid.isdigit() and not Path(f"/proc/{pid}").exists():
            shutil.rmtree(draft, ignore_errors=True)
