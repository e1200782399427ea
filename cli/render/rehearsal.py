"""What `rehearse` prints: each command, the requests that failed, the calls and the cost."""

from collections.abc import Iterator

from cli.render.exit_codes import DONE, REFUSED, Out
from deployment.commands.rehearse import RehearsalStep, Report
from rollout.plurals import counted


def show_report(out: Out, report: Report) -> int:
    """Print the report; returns the exit code, 1 where a command, a request or a call failed."""
    out.result(report.body(), *_lines(report))
    if report.ok:
        return DONE
    return REFUSED


def _lines(report: Report) -> Iterator[str]:
    yield from map(_step, report.steps)
    yield f"{counted(report.failed, 'failed request')} of {report.requests}"
    yield (
        f"{report.validated} calls to the platform fit Heroku's schema, {report.unfit} do not, "
        f"{report.unvalidated} had none to be held against"
    )
    yield f"apps: {', '.join(report.apps)}"
    yield (
        f"cost: ${report.monthly_cost:.2f} a month, ${report.daily_cost:.2f} a day, if always on"
    )
    yield from report.problems
    yield "check next on a real account: docs/heroku.md says what, for less than a dollar"


def _step(step: RehearsalStep) -> str:
    line = f"{step.seconds:8.1f} s  {step.command}"
    if step.code:
        return f"{line}   ended with {step.code}"
    return line
