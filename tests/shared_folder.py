"""A folder that all runners of one run share, filled by the one that needs it first."""

import fcntl
from collections.abc import Callable
from pathlib import Path

import pytest


def shared_folder(factory: pytest.TempPathFactory, worker_id: str, name: str) -> Path:
    """The folder of that name, beside those of the runners."""
    base = factory.getbasetemp()
    if worker_id != "master":
        base = base.parent

    folder = base / name
    folder.mkdir(exist_ok=True)
    return folder


def filled(folder: Path, fill: Callable[[], object], name: str = "done") -> Path:
    """The folder, once `fill` has been called in this run; name: of what it fills."""
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        marker = folder / f".{name}"
        if not marker.exists():
            fill()
            marker.touch()

    return folder
