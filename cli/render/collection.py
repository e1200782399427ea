"""What `collect` prints: the versions it stopped and those it could not."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict

from cli.render.exit_codes import DONE, REFUSED, Out
from deployment.commands.garbage_collect import Collected
from rollout.plurals import counted


def show_collection(out: Out, collected: Collected) -> int:
    """Print what was collected; returns the exit code, 1 where something could not be."""
    undo = [f"python deploy.py deploy {version}" for version in collected.done]
    value = {"act": "collect", **asdict(collected), "undo": undo}
    out.result(value, *_lines(collected, undo))
    if collected.failed:
        return REFUSED
    return DONE


def _lines(collected: Collected, undo: Sequence[str]) -> Iterator[str]:
    if not collected.done and not collected.environments and not collected.failed:
        yield "nothing to collect"

    if collected.done:
        yield f"✔ collected: {', '.join(collected.done)}"

    if collected.environments:
        yield f"✔ deleted: {counted(len(collected.environments), 'environment')}"

    for command in undo:
        yield f"  undo: {command}"

    for version, why in collected.failed.items():
        yield f"✖ {version}: {why}"
