"""What `status --at` and `watch --at` print: the split, the verdict and the counts of a moment."""

from collections.abc import Iterator

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from cli.render.exit_codes import Out
from cli.render.past.metrics import COLUMNS, cells
from cli.render.terminal import console, number_table
from cli.render.verdict.table import drawn_verdict
from cli.render.verdict.text import shown as shown_verdict
from deployment.history.moment import shown
from deployment.history.past_status import PastStatus
from rollout.verdict.words.earlier_words import as_of_today


def show_past_status(out: Out, status: PastStatus) -> None:
    """Draw it, or print it as JSON."""
    if out.as_json:
        out.result(status.to_json())
    else:
        console().print(Group(*_parts(status)))


def _parts(status: PastStatus) -> Iterator[RenderableType]:
    kept = status.past.moment
    note = f" ({status.asked.note})" if status.asked.note else ""
    head = Table.grid(padding=(0, 2))
    head.add_row("Model:", f"{status.model}   revision {kept.revision}")
    head.add_row("At:", f"{shown(status.asked.at)}{note}")
    head.add_row("Status:", Text(_doing(status), style="bold"))
    head.add_row("Split:", _split(status))
    yield head
    yield _counts(status)
    since = "the rollout began" if kept.rollout else "an hour before"
    yield Text(f"requests, errors and times since {since}", style="dim")
    if kept.report:
        yield ""
        yield drawn_verdict(shown_verdict(status.model, as_of_today(dict(kept.report))))


def _doing(status: PastStatus) -> str:
    kept = status.past.moment
    if kept.rollout is None:
        return f"{kept.released} released" if kept.released else "nothing released"

    rollout = kept.rollout
    words = f"{rollout['strategy']} of {rollout['candidate']} against {rollout['stable']}"
    if rollout["step"]:
        words += f", step {rollout['step']}"
    return f"{words}, paused" if rollout["paused"] else words


def _split(status: PastStatus) -> str:
    shares = [f"{name} {points / 100:g} %" for name, points in status.past.moment.asked.items()]
    return ", ".join(shares) or "no traffic"


def _counts(status: PastStatus) -> Table:
    table = number_table(["VERSION"], COLUMNS)
    for name, counts in status.past.counts.items():
        table.add_row(name, *cells(counts))

    return table
