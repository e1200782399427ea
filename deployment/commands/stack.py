"""`up` and `down`: the router and all live versions, wherever they run."""

import time
from dataclasses import replace

from deployment.commands.garbage_collect import tidy
from deployment.workspace.workspace import Workspace
from targets.base import Say, Stack
from targets.registry import open_target


def up(workspace: Workspace, say: Say) -> Stack:
    """Start router and live versions, or repair them; then collect where idle versions cost.

    Raises EdgeFailure, Interrupted.
    """
    started = time.monotonic()
    with open_target(workspace, say) as target:
        stack = target.up()
        if target.idle_versions_cost:
            tidy(workspace, say)

    return replace(stack, seconds=time.monotonic() - started)


def down(workspace: Workspace, say: Say) -> int:
    """Stop everything; returns how many programs were stopped."""
    with open_target(workspace, say) as target:
        return target.down()
