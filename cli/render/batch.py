"""What `predict` prints: how far it is, and how it ended."""

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from cli.render.differences import differences_in_words, shares_in_words
from cli.render.exit_codes import DONE, REFUSED, Out
from deployment.batch_comparison import FailedRun, FileComparison
from rollout.plurals import counted

Event = dict[str, Any]


def progress(out: Out, event: Event) -> None:
    """A line for the start and for each report."""
    if event["event"] == "started":
        out.say(_started(event))
    elif event["event"] == "reporting":
        out.say(f"report: reading rows and predictions of {event['version']} once more")
    elif event["event"] == "comparing":
        out.say(_comparing(event))
    elif event["event"] == "progress":
        out.say(_progress(event))
    elif event["event"] == "note":
        out.say(f"  {event['detail']}")


def ended(out: Out, event: Event, reported: Event | None = None) -> int:
    """The end of a run, and of its report if one was asked for; returns the exit code."""
    done = event["state"] == "done"
    rows = f"{event['rows']:,} rows, {event['bad']:,} bad"
    if done:
        lines = [f"✔ {rows}: {event['out']}"]
    else:
        lines = [f"✖ {rows}: {event['detail']}", f"  what is good is in {event['out']}"]

    if event["bad"]:
        lines.append(f"  bad rows with their reasons: {event['out']}/_bad_rows.jsonl")

    body = {"act": "predict", **event}
    if reported is not None:
        body["report"] = reported["page"]
        lines.append(f"✔ report: {reported['page']}")
        if not reported["distributions"]:
            lines.append("  no distributions in this bundle: deliver it again")

    out.result(body, *lines)
    if done:
        return DONE
    return REFUSED


def compared(out: Out, comparison: FileComparison | FailedRun) -> int:
    """The end of a comparison; returns the exit code, which does not tell whether they differ."""
    if isinstance(comparison, FailedRun):
        out.say(f"nothing to compare: {comparison.version} did not predict all files")
        return ended(out, comparison.event)

    differences = {**asdict(comparison.differences), "share": comparison.differences.share}
    body = {"act": "predict", **asdict(comparison), "differences": differences}
    out.result(body, *_comparison_in_words(comparison))
    return DONE


def _comparison_in_words(comparison: FileComparison) -> Iterator[str]:
    differences = comparison.differences
    yield (
        f"{comparison.tomorrow} against {comparison.today} over {differences.rows:,} rows: "
        f"{shares_in_words(differences)} change"
    )
    yield from differences_in_words(differences, comparison.today, comparison.tomorrow)
    yield (
        f"✔ {comparison.written:,} rows that differ (tolerance {comparison.tolerance:g}): "
        f"{comparison.out}/differences"
    )


def _comparing(event: Event) -> str:
    resumed = ""
    if event["resumed_rows"]:
        resumed = f"; goes on after {event['resumed_rows']:,} rows of an earlier command"

    return f"comparing {event['tomorrow']} with {event['today']}{resumed}"


def _started(event: Event) -> str:
    rows = "" if event["rows"] is None else f", {event['rows']:,} rows"
    resumed = ""
    if event["resumed_rows"]:
        resumed = f"; goes on after {event['resumed_rows']:,} rows of an earlier run"

    workers = f"in {counted(event['processes'], 'process', 'processes')}"
    if event["engine"] == "dask":
        workers = f"on {counted(event['processes'], 'worker')} of Dask"

    return (
        f"{event['version']} on {event['runtime']}: {counted(event['files'], 'file')}{rows}, "
        f"{event['chunk_rows']:,} rows at once {workers}{resumed}"
    )


def _progress(event: Event) -> str:
    total = "" if event["total"] is None else f" of {event['total']:,}"
    left = ""
    if event["seconds_left"] is not None:
        left = f", {event['seconds_left']:,.0f} s left"

    bad = f", {event['bad']:,} bad" if event["bad"] else ""
    return f"  {event['rows']:,}{total} rows, {event['rows_per_s']:,.0f} rows/s{left}{bad}"
