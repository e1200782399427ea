"""Where versions run: on this machine, or on Heroku, as `deployment.target` in deploy.toml says."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from deployment.commands.executor import Say, Target
from deployment.workspace.workspace import Workspace
from rollout.state.ledger import Ledger

# Each side is imported where it has something to do: an act on the record alone waits for neither.
if TYPE_CHECKING:
    from targets.local.stack import Stack
    from targets.local.supervisor_client import Process

HEROKU = "heroku"


def on_heroku(workspace: Workspace) -> bool:
    """Whether this place is there."""
    return workspace.settings.deployment.target == HEROKU


@contextmanager
def target_of(workspace: Workspace, say: Say) -> Iterator[Target]:
    """The target of an act. Heroku's is not asked before something has to be done there."""
    if not on_heroku(workspace):
        from targets.local.target import LocalTarget

        yield LocalTarget(workspace)
        return

    from targets.heroku.target import HerokuTarget

    target = HerokuTarget(workspace, say)
    try:
        yield target
    finally:
        target.close()


def home_of(workspace: Workspace, ledger: Ledger, version: str) -> tuple[str, str]:
    """Program and address that the next process of a version will have.

    Here each incarnation has a socket and a log of its own, named by the revision it starts at. On
    Heroku a version has one app, and only the platform knows its address, so it is made, empty and
    free, where there is none; raises HerokuFailure where the ledger has the version as live and its
    app was deleted by hand."""
    if not on_heroku(workspace):
        program = f"{version}-{ledger.revision + 1}"
        return program, workspace.address(program)

    from targets.heroku.target import HerokuTarget

    target = HerokuTarget(workspace, lambda _: None)
    try:
        return target.home(version, ledger.versions.get(version))
    finally:
        target.close()


def up(workspace: Workspace, say: Say) -> "Stack":
    """Bring the stack up, or repair it."""
    if on_heroku(workspace):
        from targets.heroku import stack as heroku

        return heroku.up(workspace, say)

    from targets.local import stack

    return stack.up(workspace, say)


def down(workspace: Workspace, say: Say) -> int:
    """Stop everything; returns how many programs were stopped."""
    if on_heroku(workspace):
        from targets.heroku import stack as heroku

        return heroku.down(workspace, say)

    from targets.local import stack

    return stack.down(workspace, say)


def processes(workspace: Workspace) -> "dict[str, Process]":
    """What runs, by program; raises EdgeFailure where nobody can say."""
    if not on_heroku(workspace):
        from targets.local.supervisor_client import Supervisor

        return Supervisor(workspace).processes()

    from targets.heroku.processes import processes as on_the_platform

    return on_the_platform(workspace)
