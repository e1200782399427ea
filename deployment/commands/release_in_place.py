"""`release-in-place --auto`: begins the rollout, waits for its end, and then ends the process of
the old version.

The conductor moves traffic and stops no process, so the promise of one version is kept here.
"""

from cli.render.exit_codes import DONE, Out
from cli.render.summary import Changes
from deployment.commands import verbs, watch_loop
from deployment.commands.run_verb import act
from deployment.workspace.errors import Interrupted
from deployment.workspace.ledger import opened_record, read_ledger
from deployment.workspace.workspace import Workspace
from rollout.state.ledger import Ledger


def release_watched(
    workspace: Workspace, out: Out, version: str, breaking: bool, reason: str
) -> int:
    """Returns the exit code: 0 released and the old process ended, 5 taken back. Ctrl-C leaves the
    rollout running.
    """
    begun = act(
        workspace, verbs.release_in_place(workspace, version, breaking, auto=True), reason, out.say
    )
    out.done(begun)
    try:
        code = watch_loop.until_ended(workspace, Changes(out), version, begun.revision)
    except KeyboardInterrupt as error:
        raise Interrupted(
            f"interrupted: the release-in-place of {version} goes on by itself, `python deploy.py "
            "watch` shows it; the version before it runs until it is retired"
        ) from error

    old = _replaced(_ledger(workspace), version) if code == DONE else None
    if old is not None:
        out.done(
            act(
                workspace,
                verbs.retire(workspace, old, way_back=True),
                f"{version} is released in its place",
                out.say,
            )
        )

    return code


def _replaced(ledger: Ledger, version: str) -> str | None:
    """The version that this one was released in place of; None where a person has gone on since."""
    last = ledger.last
    if last is not None and last.candidate == version == ledger.released:
        return last.stable
    return None


def _ledger(workspace: Workspace) -> Ledger:
    with opened_record(workspace) as store:
        return read_ledger(store)
