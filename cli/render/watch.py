"""What `watch` shows: a redrawn screen on a terminal, one line a change in a pipe."""

from collections.abc import Callable

from rich.live import Live

from cli.render.exit_codes import DEADLINE, INTERRUPTED, UNDECIDED, Out
from cli.render.status import drawn, one_line
from cli.render.terminal import console
from deployment.commands.status import Status
from rollout.durations import shown_seconds

Show = Callable[[Status], None]
Loop = Callable[[Show], int]
"""Calls a function with each status as it is read; returns the exit code."""


class Changes:
    """Prints a status only where its line differs from the last one."""

    def __init__(self, out: Out) -> None:
        self.out = out
        self.last = ""

    def __call__(self, status: Status) -> None:
        line = one_line(status)
        if line != self.last:
            self.last = line
            self.out.result(status.to_json(), line)


def show_changes(out: Out, loop: Loop, once: bool, deadline_s: float | None) -> int:
    """Show what the loop reads; returns its exit code. A deadline that passed is an error."""
    try:
        if console().is_terminal and not out.as_json and not once:
            return _redraw(loop)

        return _print_changes(out, loop, deadline_s or 0.0)
    except KeyboardInterrupt:
        # The usual end of `watch`.
        raise SystemExit(INTERRUPTED) from None


def _redraw(loop: Loop) -> int:
    with Live(console=console(), auto_refresh=False) as live:
        return loop(lambda status: live.update(drawn(status), refresh=True))


def _print_changes(out: Out, loop: Loop, deadline_s: float) -> int:
    changes = Changes(out)
    code = loop(changes)
    if code in (DEADLINE, UNDECIDED):
        out.refused(f"timed out after {shown_seconds(deadline_s)}: {changes.last}")

    return code
