"""What the verbs that look, and those that bring the stack up or down, show at the end."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

from cli.render.exit_codes import BROKEN, DEADLINE, DONE, INTERRUPTED, REFUSED, UNDECIDED, Out
from deployment.commands import lint_checks, watch_loop
from deployment.commands.status import Picture, picture
from deployment.commands.strategy_options import seconds, shown_seconds
from deployment.history.affected_versions import subjects
from deployment.workspace.ledger import opened_record
from deployment.workspace.workspace import Workspace
from rollout.plurals import counted
from store.entry import Entry
from targets.local.stack import Stack

PIPE_WIDTH = 400


def stack(out: Out, found: Stack) -> int:
    """What `up` came to; returns its exit code."""
    state = "is up already" if found.already else f"is up ({found.seconds:.1f} s)"
    lines = [f"✔ the stack {state}: {found.url}"] if not found.failed else []
    lines += [f"✖ {version} does not answer: {why}" for version, why in found.failed.items()]
    undo = "python deploy.py down"
    out.result({"act": "up", **asdict(found), "undo": undo}, *lines, f"  undo: {undo}")
    if found.failed:
        return REFUSED
    return DONE


def stopped(out: Out, count: int) -> None:
    """What `down` came to."""
    undo = "python deploy.py up"
    lines = ["✔ everything is down", f"  undo: {undo}"] if count else ["nothing was running"]
    out.result({"act": "down", "stopped": count, "undo": undo}, *lines)


def status(workspace: Workspace, out: Out) -> None:
    """The picture of now."""
    found = picture(workspace, logs=True)
    if out.as_json:
        out.result(found)
    else:
        _draw(found)


def watch(workspace: Workspace, out: Out, once: bool, timeout: str) -> int:
    """The picture as it changes: redrawn on a terminal, one line a change in a pipe; returns the
    exit code.
    """
    deadline_s = seconds(timeout) if timeout else None
    redrawn = console().is_terminal and not out.as_json and not once
    changes = Changes(out)
    try:
        code = (
            _watch_redrawn(workspace, deadline_s)
            if redrawn
            else watch_loop.watch(workspace, changes, once, deadline_s)
        )
    except KeyboardInterrupt:
        # The usual end of it.
        raise SystemExit(INTERRUPTED) from None

    if code in (DEADLINE, UNDECIDED) and not redrawn:
        out.refused(f"timed out after {shown_seconds(deadline_s or 0.0)}: {changes.last}")

    return code


def history(workspace: Workspace, out: Out, number: int, verify: bool) -> None:
    """The newest acts; raises LedgerBroken where the chain does not hold."""
    with opened_record(workspace) as store:
        checked = store.verify() if verify else None
        entries = store.history(limit=number + 1)

    told = list(zip(entries, subjects(entries, number), strict=False))
    lines = [_history_line(entry, about) for entry, about in told] or ["nothing was done yet"]
    lines += [f"✔ the chain of {counted(checked or 0, 'revision')} holds"] if verify else []
    out.result(
        {"history": [_history_row(entry, about) for entry, about in told], "verified": checked},
        *lines,
    )


def lint(workspace: Workspace, out: Out) -> int:
    """Every check; returns the exit code."""
    checks = lint_checks.lint(workspace)
    lines = [_lint_line(check) for check in checks]
    out.result(
        {"checks": [asdict(check) for check in checks], "ok": not any(c.fault for c in checks)},
        *lines,
    )
    if any(check.broken for check in checks):
        return BROKEN

    if any(check.fault for check in checks):
        return REFUSED
    return DONE


def _lint_line(check: lint_checks.Check) -> str:
    if check.fault:
        return f"✖ {check.what}: {check.fault}"
    if check.warning:
        return f"! {check.what}: {check.warning}"
    return f"✔ {check.what}"


def doctor(workspace: Workspace, out: Out) -> int:
    """Every finding; returns the exit code."""
    from deployment.commands.doctor import doctor as examined

    findings = examined(workspace, out.say)
    faults = sum(bool(each.fault) for each in findings)
    end = (
        f"{faults} of {len(findings)} are not as they should be"
        if faults
        else "all is as it should be"
    )
    value = {
        "act": "doctor",
        "checks": [asdict(each) for each in findings],
        "faults": faults,
        "ok": not faults,
    }
    out.result(value, *(each.line for each in findings), f"{'✖' if faults else '✔'} {end}")
    if faults:
        return REFUSED
    return DONE


def plan(
    out: Out,
    workspace: Workspace,
    version: str,
    strategy: str,
    replay: str | None,
    breaking: bool,
    steps: str | None = None,
    every: str | None = None,
    auto: bool = False,
) -> int:
    """What a rollout would mean; returns the exit code, 6 where it breaks what users rely on unless
    that is allowed.
    """
    from cli.render.plan import plan_in_words
    from deployment.plan.plan import Options
    from deployment.plan.plan import plan as planned

    found = planned(workspace, version, strategy, replay, Options(steps, every, auto))
    out.result(found.body(), *plan_in_words(found))
    if found.breaking and not breaking:
        return BROKEN
    return DONE


def feedback(workspace: Workspace, out: Out, path: Path, timeout: str) -> int:
    """What became of a file of labels; returns the exit code, 1 where some were no labels of this
    router.
    """
    from deployment.commands.feedback import feedback as send

    tally = send(workspace, path, seconds(timeout), out.say)
    sign = "✖" if tally.invalid else "✔"
    line = (
        f"{sign} {path}: {tally.counted} counted, {counted(tally.duplicates, 'duplicate')}, "
        f"{tally.invalid} invalid"
    )
    faults = [f"  row {fault['row']}: {fault['detail']}" for fault in tally.first_invalid]
    more = tally.invalid - len(faults)
    out.result(
        {"act": "feedback", "file": str(path), **asdict(tally)},
        line,
        *faults,
        *([f"  and {more} more"] if more else []),
    )
    if tally.invalid:
        return REFUSED
    return DONE


def collected(out: Out, workspace: Workspace) -> int:
    """What was collected; returns the exit code, 1 where something could not be."""
    from deployment.commands.garbage_collect import collect

    found = collect(workspace, out.say)
    undo = [f"python deploy.py deploy {version}" for version in found.done]
    lines = [f"✖ {version}: {why}" for version, why in found.failed.items()]
    if found.done:
        lines = [
            f"✔ collected: {', '.join(found.done)}",
            *(f"  undo: {each}" for each in undo),
            *lines,
        ]

    out.result(
        {"act": "collect", **asdict(found), "undo": undo}, *(lines or ["nothing to collect"])
    )
    if found.failed:
        return REFUSED
    return DONE


def rehearsal(out: Out, workspace: Workspace, versions: list[str]) -> int:
    """What a rehearsal came to; returns its exit code."""
    from deployment.commands import rehearse

    report = rehearse.rehearse(workspace, out.say, versions)
    lines = [
        f"{step.seconds:8.1f} s  "
        f"{step.command}{'' if step.code == 0 else f'   ended with {step.code}'}"
        for step in report.steps
    ]
    lines += [
        f"{counted(report.failed, 'failed request')} of {report.requests}",
        f"{report.validated} calls to the platform fit Heroku's schema, {report.unfit} do not, "
        f"{report.unvalidated} had none to be held against",
        f"apps: {', '.join(report.apps)}",
        f"cost: ${report.monthly_cost:.2f} a month, ${report.daily_cost:.2f} a day, if always on",
        *report.problems,
        "check next on a real account: docs/heroku.md says what, for less than a dollar",
    ]
    out.result(report.body(), *lines)
    if report.ok:
        return DONE
    return REFUSED


class Changes:
    """Shows a picture only where its line differs from the last one."""

    def __init__(self, out: Out) -> None:
        self.out = out
        self.last = ""

    def __call__(self, found: Picture) -> None:
        from cli.render.status import one_line

        line = one_line(found)
        if line != self.last:
            self.last = line
            self.out.result(found, line)


def _watch_redrawn(workspace: Workspace, deadline_s: float | None) -> int:
    from rich.live import Live

    from cli.render.status import drawn

    with Live(console=console(), auto_refresh=False) as live:
        return watch_loop.watch(
            workspace, lambda found: live.update(drawn(found), refresh=True), False, deadline_s
        )


def _draw(found: Picture) -> None:
    from cli.render.status import drawn

    console().print(drawn(found))


def console() -> Any:
    """The terminal; in a pipe no line is cut."""
    from rich.console import Console

    terminal = Console(highlight=False)
    if terminal.is_terminal:
        return terminal
    return Console(highlight=False, width=PIPE_WIDTH)


def _history_line(entry: Entry, about: str) -> str:
    because = f'  "{entry.reason}"' if entry.reason else ""
    return (
        f"r{entry.revision:<4} {entry.at:%Y-%m-%d %H:%M:%S}  {entry.action:<16} {about:<12} "
        f"{entry.actor}{because}"
    )


def _history_row(entry: Entry, about: str) -> dict[str, Any]:
    row = {name: getattr(entry, name) for name in ("revision", "action", "actor", "reason", "hash")}
    return {**row, "about": about, "at": entry.at.isoformat()}
