"""What `up` and `down` print at their end."""

from dataclasses import asdict

from cli.render.exit_codes import DONE, REFUSED, Out
from targets.base import Stack


def up(out: Out, stack: Stack) -> int:
    """Print which versions run; returns the exit code, 1 where one does not answer."""
    undo = "python deploy.py down"
    lines = [f"✖ {version} does not answer: {why}" for version, why in stack.failed.items()]
    if not lines:
        lines = [f"✔ the stack {_state(stack)}: {stack.url}"]

    out.result({"act": "up", **asdict(stack), "undo": undo}, *lines, f"  undo: {undo}")
    if stack.failed:
        return REFUSED
    return DONE


def down(out: Out, stopped: int) -> None:
    """Print whether anything was stopped. stopped: how many processes."""
    undo = "python deploy.py up"
    lines = ["nothing was running"]
    if stopped:
        lines = ["✔ everything is down", f"  undo: {undo}"]

    out.result({"act": "down", "stopped": stopped, "undo": undo}, *lines)


def _state(stack: Stack) -> str:
    if stack.already:
        return "is up already"
    return f"is up ({stack.seconds:.1f} s)"
