"""What `feedback` prints: how many labels were counted, and the first that were invalid."""

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

from cli.render.exit_codes import DONE, REFUSED, Out
from deployment.commands.feedback import Tally
from rollout.plurals import counted


def show_tally(out: Out, path: Path, tally: Tally) -> int:
    """Print the counts of a file; returns the exit code, 1 where some labels were invalid."""
    out.result({"act": "feedback", "file": str(path), **asdict(tally)}, *_lines(path, tally))
    if tally.invalid:
        return REFUSED
    return DONE


def _lines(path: Path, tally: Tally) -> Iterator[str]:
    sign = "✖" if tally.invalid else "✔"
    yield (
        f"{sign} {path}: {tally.counted} counted, {counted(tally.duplicates, 'duplicate')}, "
        f"{tally.invalid} invalid"
    )
    for fault in tally.first_invalid:
        yield f"  row {fault['row']}: {fault['detail']}"

    more = tally.invalid - len(tally.first_invalid)
    if more:
        yield f"  and {more} more"
