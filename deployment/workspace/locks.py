"""Lock files: one start of a version at a time. The kernel frees a lock when its holder ends."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager

from deployment.workspace.errors import EdgeFailure
from deployment.workspace.workspace import Workspace


@contextmanager
def held(workspace: Workspace, name: str, what: str) -> Iterator[None]:
    """Hold the lock `name`; raises EdgeFailure naming its holder and `what` that one is doing."""
    path = workspace.run / f"{name}.lock"
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(descriptor, 200, 0).decode(errors="replace") or "somebody"
            raise EdgeFailure(
                f"{holder} is {what} right now: look at `python deploy.py status`, then try again"
            ) from None
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, workspace.actor.encode()[:200], 0)
        yield
    finally:
        os.close(descriptor)
