"""The state folder: created for this user alone, and refused where another user owns it."""

import os
import stat
from pathlib import Path

from deployment.workspace.errors import EdgeFailure, Misconfigured
from deployment.workspace.workspace import Workspace


def make_folders(workspace: Workspace) -> None:
    """Make what is missing below the state folder, mode 0700; raises Misconfigured."""
    for folder in (
        workspace.state,
        workspace.state / "run",
        workspace.run,
        workspace.log,
        conf_folder(workspace),
    ):
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise Misconfigured(
                f"{folder} cannot be made: {error.strerror}. Set SLUICE_STATE elsewhere"
            ) from error

    _require_private(workspace.run)


def check_writable(workspace: Workspace) -> None:
    """Raise EdgeFailure where this user cannot write the state folder, or make it."""
    existing = workspace.state
    while not existing.exists():
        existing = existing.parent

    if not os.access(existing, os.W_OK):
        raise EdgeFailure(f"{existing} cannot be written by this user: set SLUICE_STATE elsewhere")


def conf_folder(workspace: Workspace) -> Path:
    """The programs' files for the supervisor."""
    return workspace.state / "supervisor.d"


def environments_folder(workspace: Workspace) -> Path:
    """The environments that versions have of their own."""
    return workspace.state / "environments"


def _require_private(folder: Path) -> None:
    # It may lie in a folder that everybody can write, where somebody else could have made it first.
    status = folder.lstat()
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.getuid():
        raise Misconfigured(
            f"{folder} is not a folder of this user: remove it, or set SLUICE_STATE to a shorter "
            "path"
        )

    if status.st_mode & 0o077:
        folder.chmod(0o700)
