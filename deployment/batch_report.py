"""`predict --report`: one page about a finished run, beside its predictions."""

import sys
from collections.abc import Callable

from deployment.batch_run import REPORTING, Event, followed, output_address, version_named
from deployment.workspace.bundles import read_release
from deployment.workspace.workspace import Workspace


def write_report(
    workspace: Workspace, version: str, out: str, say: Callable[[Event], None]
) -> Event:
    """Write the page of the run in the folder or at the address `out`; returns the last event.

    It takes no model, and so none of the version's own packages. Raises BadOption, EdgeFailure,
    Interrupted.
    """
    release = read_release(workspace.releases, version_named(workspace, version))
    job = {
        "bundle": str(release.path.absolute()),
        "public_key": str(workspace.public_key.absolute()),
        "out": output_address(out),
    }
    return followed(workspace, sys.executable, REPORTING, job, say)
