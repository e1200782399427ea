"""`release-in-place --auto`: begins the rollout, waits for its end, then stops the old version.

The controller moves traffic and stops no process, so that is done here.
"""

from cli.render.exit_codes import DONE, Out
from cli.render.watch import Changes
from deployment.commands import verbs, watch_loop
from deployment.commands.run_verb import act
from deployment.workspace.errors import Interrupted
from deployment.workspace.ledger import newest_ledger
from deployment.workspace.workspace import Workspace
from rollout.state.ledger import Ledger


def release_watched(
    workspace: Workspace, out: Out, version: str, breaking: bool, reason: str
) -> int:
    """Returns the exit code: 0 released and the old version stopped, 5 rolled back.

    Ctrl-C leaves the rollout running.
    """
    begun = act(
        workspace, verbs.release_in_place(workspace, version, breaking, auto=True), reason, out.say
    )
    out.done(begun)
    try:
        code = watch_loop.until_ended(workspace, Changes(out), version, begun.revision)
    except KeyboardInterrupt as error:
        raise Interrupted(
            f"interrupted: the release-in-place of {version} continues by itself, `python "
            "deploy.py watch` shows it; the old version runs until it is retired"
        ) from error

    if code == DONE and (old := _replaced(newest_ledger(workspace), version)):
        retirement = verbs.retire(workspace, old, rollback_target=True)
        out.done(act(workspace, retirement, f"{version} is released in its place", out.say))

    return code


def _replaced(ledger: Ledger, version: str) -> str | None:
    """The version that this one replaced; None where another act followed."""
    last = ledger.last
    if last is not None and last.candidate == version == ledger.released:
        return last.stable
    return None
