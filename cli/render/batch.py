"""What `predict` prints: how far it is, and how it ended."""

from typing import Any

from cli.render.exit_codes import DONE, REFUSED, Out
from rollout.plurals import counted

Event = dict[str, Any]


def progress(out: Out, event: Event) -> None:
    """A line for the start and for each report."""
    if event["event"] == "started":
        out.say(_started(event))
    elif event["event"] == "progress":
        out.say(_progress(event))
    elif event["event"] == "note":
        out.say(f"  {event['detail']}")


def ended(out: Out, event: Event) -> int:
    """The end of a run; returns the exit code."""
    done = event["state"] == "done"
    rows = f"{event['rows']:,} rows, {event['bad']:,} bad"
    if done:
        lines = [f"✔ {rows}: {event['out']}"]
    else:
        lines = [f"✖ {rows}: {event['detail']}", f"  what is good is in {event['out']}"]

    if event["bad"]:
        lines.append(f"  bad rows with their reasons: {event['out']}/_bad_rows.jsonl")

    out.result({"act": "predict", **event}, *lines)
    if done:
        return DONE
    return REFUSED


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
