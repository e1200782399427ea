"""The status: drawn on a terminal, or as one line in a pipe."""

from collections.abc import Iterator
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from cli.output import printable
from cli.render.exit_codes import Out
from cli.render.responsive import Fitting
from cli.render.terminal import console
from cli.render.verdict.table import drawn_verdict
from cli.render.verdict.text import WORDS, shown
from cli.render.version_table import NARROWER, version_table
from deployment.commands.status import RecentAct, RollbackStatus, RolloutStatus, Status
from rollout.durations import shown_seconds
from rollout.plurals import counted
from rollout.state.policy import title_of

WORST = 3


def show_status(out: Out, status: Status, with_odds: bool = False) -> None:
    """Draw the status, or print it as JSON. with_odds: show the odds behind each alarm too."""
    if out.as_json:
        out.result(status.to_json())
    else:
        console().print(drawn(status, with_odds))


def drawn(status: Status, with_odds: bool = False) -> RenderableType:
    """The whole status."""
    parts: list[RenderableType] = [_head(status)]
    if status.versions:
        parts.append(Fitting([version_table(status.versions, columns) for columns in NARROWER]))

    if status.since:
        parts.append(
            Text(f"requests, errors, times and agreement since {status.since}", style="dim")
        )

    if status.verdict:
        numbers = shown(status.model, status.verdict, with_odds=with_odds)
        parts += ["", drawn_verdict(numbers), ""]

    parts += _drift(status)
    parts += _worst(status.worst)
    parts += _events(status.events)
    for note in status.notes:
        parts.append(Text(f"note: {printable(note)}", style="yellow"))

    return Group(*parts)


def _drift(status: Status) -> Iterator[Text]:
    """What the router says on drift; nothing of a router that says nothing."""
    for line in (status.drift or {}).get("says", []):
        text = printable(f"{line['about']}: {line['text']}")
        if line["is_alarm"]:
            yield Text(f"ALARM {text}", style="red")
        else:
            yield Text(text, style="dim")


def one_line(status: Status) -> str:
    """The facts whose change matters, in one line, without counts that change all the time."""
    parts = [f"revision {status.revision}", _doing(status), _split(status)]
    step = _step(status.rollout)
    if step:
        parts.append(step)

    if status.verdict:
        parts.append(WORDS[status.verdict["word"]])

    for version in status.versions:
        if version.is_unhealthy:
            parts.append(f"{version.name} {version.process}")

    return " | ".join([*parts, *status.notes])


def _split(status: Status) -> str:
    weights = [
        f"{version.name} {version.weight:g} %" for version in status.versions if version.weight
    ]
    return ", ".join(weights) or "no traffic"


def _step(rollout: RolloutStatus | None) -> str:
    """`step 1/3`, empty without steps."""
    if rollout is None or not rollout.step:
        return ""
    return f"step {rollout.step}/{len(rollout.steps)}"


def _head(status: Status) -> Table:
    table = Table.grid(padding=(0, 2))
    url = status.url or "not up"
    table.add_row("Model:", Text(f"{status.model}   {url}   revision {status.revision}"))
    table.add_row("Status:", _status_text(status))
    if status.queued:
        table.add_row("Waiting:", Text(f"{status.queued}, until the one in progress has ended"))

    table.add_row("Rollback:", _rollback_text(status.rollback))
    if status.failed_requests is not None:
        style = "red" if status.failed_requests else "green"
        text = f"{counted(status.failed_requests, 'request')} since the router's start"
        table.add_row("Failed:", Text(text, style=style))

    return table


def _status_text(status: Status) -> Text:
    text = Text(_doing(status), style="bold")
    rollout = status.rollout
    if rollout is None:
        return text

    details = [_step(rollout)]
    if rollout.next_step_in_s is not None:
        details.append(f"next in {shown_seconds(rollout.next_step_in_s)}")

    candidate = status.candidate
    if candidate and candidate.served is not None and candidate.role != "shadow":
        count = counted(candidate.requests or 0, "request")
        details.append(f"asked {candidate.weight:g} %  real {candidate.served:g} % ({count})")

    for detail in filter(None, details):
        text.append(f"   {detail}", style="not bold")

    return text


def _doing(status: Status) -> str:
    """`canary of v2 against v1, paused`, or which version is released."""
    rollout = status.rollout
    if rollout is None:
        return _released(status)

    paused = ", paused" if rollout.paused else ""
    on_hold = ""
    if rollout.held:
        on_hold = f", on hold: {', '.join(map(title_of, rollout.held))}"

    return f"{rollout.strategy} of {rollout.candidate} against {rollout.stable}{paused}{on_hold}"


def _released(status: Status) -> str:
    if not status.released:
        return "nothing released"
    if status.flagged:
        return f"{status.released} released, late labels look worse: `python deploy.py explain`"
    return f"{status.released} released"


def _rollback_text(rollback: RollbackStatus | None) -> Text:
    if rollback is None:
        return Text("nothing to roll back to yet", style="dim")

    target, command = rollback.target, rollback.command
    if not rollback.running:
        return Text(
            f"{target} has no process: it is started first, some seconds:  {command}",
            style="yellow",
        )

    if rollback.ready is False:
        because = printable(rollback.because or "")
        return Text(f"{target} does not answer ({because}):  {command}", style="red")

    state = "ready, warm, under 1 s" if rollback.ready else "running"
    return Text(f"{target} {state}:  {command}", style="green")


def _events(events: list[RecentAct]) -> list[RenderableType]:
    if not events:
        return []

    table = Table.grid(padding=(0, 2))
    for event in events:
        table.add_row(
            f"r{event.revision}",
            event.at[11:19],
            event.act,
            event.about,
            Text(printable(event.actor), overflow="fold"),
            Text(printable(event.reason), style="italic"),
        )

    return [Text("RECENT", style="bold"), table]


def _worst(rows: list[dict[str, Any]]) -> list[RenderableType]:
    """The rows on which a shadow differs most from the answer that users got."""
    if not rows:
        return []

    table = Table.grid(padding=(0, 2))
    for row in rows[:WORST]:
        answers = f"{row['version']} {row['shadow']}, answered {row['answered']}"
        table.add_row(
            f"by {row['gap']:.3g}",
            Text(printable(answers), overflow="fold"),
            Text(printable(row["row"]), overflow="fold", style="dim"),
        )

    return [Text("ROWS THAT DIFFER MOST", style="bold"), table]
