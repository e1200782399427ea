"""Draws the picture of status.py: for a terminal with rich, for a pipe as one line."""

from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from cli.render.responsive import Fitting
from cli.render.verdict import WORDS, Shown, shown
from deployment.commands.status import Picture
from deployment.commands.strategy_options import shown_seconds
from rollout.plurals import counted

WORST = 3
_NUMBERS = ("WEIGHT", "REAL", "REQ", "ERR", "P50", "P99", "AGREE", "LABELS", "ACC")
_LEFT_OUT = (
    (),
    ("AGREE",),
    ("AGREE", "LABELS"),
    ("AGREE", "LABELS", "P50"),
    ("AGREE", "LABELS", "ACC", "P50"),
)
"""Columns that a narrow terminal does without, one more at a time."""
_PROCESS_STYLES = {"running": "green", "starting": "yellow", "backoff": "red", "fatal": "bold red"}

_WORD_STYLES = {
    "PASS": "bold green",
    "FAIL": "bold red",
    "HOLD": "bold yellow",
    "INVALID": "bold red",
}


def drawn(picture: Picture) -> RenderableType:
    """The whole picture."""
    parts: list[RenderableType] = [_head(picture)]
    if picture["versions"]:
        parts.append(Fitting([_versions(picture["versions"], left_out) for left_out in _LEFT_OUT]))

    if picture["since"]:
        parts.append(
            Text(f"requests, errors, times and agreement since {picture['since']}", style="dim")
        )

    if picture["verdict"]:
        parts += ["", drawn_verdict(shown(picture["model"], picture["verdict"])), ""]

    parts += _worst(picture["worst"])
    parts += _events(picture["events"])
    parts += [Text(f"note: {note}", style="yellow") for note in picture["notes"]]
    return Group(*parts)


def drawn_verdict(verdict: Shown) -> RenderableType:
    """A verdict's numbers; a long sentence of a signal is wrapped."""
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    for column in verdict.rows[0]:
        table.add_column(column, no_wrap=column != verdict.rows[0][-1])

    for row in verdict.rows[1:]:
        table.add_row(*map(Text, row))

    said, _, word = verdict.head.rpartition("   ")
    head = Text.assemble(said, "   ", (word, _WORD_STYLES.get(word, "bold")))
    because = [Text(verdict.because)] if verdict.because else []
    return Group(head, *because, Fitting([table, _stacked(verdict)]), Text(verdict.together))


def _stacked(verdict: Shown) -> RenderableType:
    """Three lines a signal, where the table has no room: what it says first."""
    names, lines = verdict.rows[0], []
    for row in verdict.rows[1:]:
        name, mine, theirs, difference, against, proof, says = row
        lines.append(Text.assemble((name, "bold"), "  ", says))
        lines.append(Text(f"  {names[1]} {mine}, {names[2]} {theirs}: {difference}"))
        lines.append(Text(f"  against {against}, proof {proof}"))

    return Group(*lines)


def one_line(picture: Picture) -> str:
    """What changed matters of the picture: one line, no counts that move all the time."""
    rollout = picture["rollout"]
    split = (
        ", ".join(f"{v['name']} {v['weight']:g} %" for v in picture["versions"] if v["weight"])
        or "no traffic"
    )
    parts = [f"revision {picture['revision']}", _doing(picture), split]
    if rollout and rollout["step"]:
        parts.append(f"step {rollout['step']}/{len(rollout['steps'])}")

    if picture["verdict"]:
        parts.append(WORDS[picture["verdict"]["word"]])

    trouble = [f"{v['name']} {v['process']}" for v in picture["versions"] if _in_trouble(v)]
    return " | ".join([*parts, *trouble, *picture["notes"]])


def _head(picture: Picture) -> Table:
    table = Table.grid(padding=(0, 2))
    table.add_row(
        "Model:",
        Text(f"{picture['model']}   {picture['url'] or 'not up'}   revision {picture['revision']}"),
    )
    table.add_row("Status:", _status_text(picture))
    if picture["queued"]:
        table.add_row("Waiting:", Text(f"{picture['queued']}, until the one in progress has ended"))

    table.add_row("Rollback:", _rollback_text(picture["rollback"]))
    if picture["failed_requests"] is not None:
        style = "green" if picture["failed_requests"] == 0 else "red"
        told = f"{counted(picture['failed_requests'], 'request')} since the router's start"
        table.add_row("Failed:", Text(told, style=style))

    return table


def _status_text(picture: Picture) -> Text:
    rollout = picture["rollout"]
    text = Text(_doing(picture), style="bold")
    if rollout is None:
        return text

    if rollout["step"]:
        text.append(f"   step {rollout['step']}/{len(rollout['steps'])}", style="not bold")

    if rollout["next_step_in_s"] is not None:
        text.append(f"   next in {shown_seconds(rollout['next_step_in_s'])}", style="not bold")

    candidate = next((v for v in picture["versions"] if v["name"] == rollout["candidate"]), None)
    if candidate and candidate["served"] is not None and candidate["role"] != "shadow":
        count = counted(candidate["requests"], "request")
        real = f"   asked {candidate['weight']:g} %  real {candidate['served']:g} % ({count})"
        text.append(real, style="not bold")

    return text


def _doing(picture: Picture) -> str:
    rollout = picture["rollout"]
    if rollout is None:
        flag = (
            ", late labels speak against it: `python deploy.py explain`"
            if picture["flagged"]
            else ""
        )
        if picture["released"]:
            return f"{picture['released']} released{flag}"
        return "nothing released"

    held = ", paused" if rollout["paused"] else ""
    if rollout["held"]:
        held += f", held: {', '.join(rollout['held'])}"

    return f"{rollout['strategy']} of {rollout['candidate']} against {rollout['stable']}{held}"


def _rollback_text(rollback: Picture | None) -> Text:
    if rollback is None:
        return Text("nothing to roll back to yet", style="dim")

    target, command = rollback["target"], rollback["command"]
    if not rollback["running"]:
        return Text(
            f"{target} has no process: it is started first, some seconds:  {command}",
            style="yellow",
        )

    if rollback["ready"] is False:
        return Text(f"{target} does not answer ({rollback['because']}):  {command}", style="red")

    ready = "ready, warm, under 1 s" if rollback["ready"] else "running"
    return Text(f"{target} {ready}:  {command}", style="green")


def _versions(versions: list[Picture], left_out: tuple[str, ...]) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    for column in ("VERSION", "ROLE", "PROCESS"):
        table.add_column(column, no_wrap=True)

    shown = [place for place, column in enumerate(_NUMBERS) if column not in left_out]
    for place in shown:
        table.add_column(_NUMBERS[place], justify="right", no_wrap=True)

    for version in versions:
        numbers = _numbers(version)
        table.add_row(
            version["name"],
            version["role"],
            _process(version),
            *(numbers[place] for place in shown),
        )

    return table


def _numbers(v: Picture) -> list[str]:
    errors = None if not v["requests"] else 100 * v["errors"] / v["requests"]
    return [
        f"{v['weight']:g} %",
        _or_dash(None if v["role"] == "shadow" else v["served"], "{:.1f} %"),
        _or_dash(v["requests"], "{}"),
        _or_dash(errors, "{:.2f} %"),
        _or_dash(v["p50_ms"], "{:.1f} ms"),
        _or_dash(v["p99_ms"], "{:.1f} ms"),
        _or_dash(None if v["agree"] is None else 100 * v["agree"], "{:.1f} %"),
        str(v["labels"] or "-"),
        _accuracy(v),
    ]


def _accuracy(v: Picture) -> str:
    """Of classes the share that was right, of values how far off they were."""
    if v["accuracy"] is not None:
        return f"{v['accuracy']:.3f} ±{v['accuracy_margin']:.3f}"
    return _or_dash(v["mean_absolute_error"], "MAE {:.4g}")


def _process(version: Picture) -> Text:
    state = version["process"] or ("-" if version["state"] == "retired" else "not seen")
    return Text(state, style=_PROCESS_STYLES.get(state, ""))


def _in_trouble(version: Picture) -> bool:
    return version["process"] is not None and version["process"] not in ("running", "starting")


def _events(events: list[Picture]) -> list[RenderableType]:
    if not events:
        return []

    table = Table.grid(padding=(0, 2))
    for event in events:
        told = Text(event["reason"], style="italic")
        actor = Text(event["actor"], overflow="fold")
        table.add_row(
            f"r{event['revision']}", event["at"][11:19], event["act"], event["about"], actor, told
        )

    return [Text("RECENT", style="bold"), table]


def _worst(worst: list[Picture]) -> list[RenderableType]:
    """The rows on which a shadow differs most from what its users got."""
    if not worst:
        return []

    table = Table.grid(padding=(0, 2))
    for row in worst[:WORST]:
        told = f"{row['version']} {row['shadow']}, answered {row['answered']}"
        table.add_row(
            f"by {row['gap']:.3g}",
            Text(told, overflow="fold"),
            Text(row["row"], overflow="fold", style="dim"),
        )

    return [Text("ROWS THAT DIFFER MOST", style="bold"), table]


def _or_dash(value: Any, form: str) -> str:
    if value is None:
        return "-"
    return form.format(value)
