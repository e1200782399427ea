"""Shows the main job on real flights, from pipeline to release and rollback, under traffic.

Every act is a command that a user could type; it is shown, run as its own process, and its output
printed. The traffic is the flights of July to December; the true delay of each follows
LABELS_AFTER_S later as feedback, so that the verdict can judge it before a release. They come in a
random order, always the same: in time order a canary of half a minute would see one week, and there
are weeks in which v2 is the worse of the two.
"""

import argparse
import asyncio
import json
import os
import shlex
import sys
import time
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from math import sqrt
from pathlib import Path
from typing import Any

import httpx
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from sklearn.metrics import roc_auc_score
from sqlalchemy import select

from cli.render.verdict.text import acts_at
from examples.flights.feedback import send_feedback
from examples.flights.replay import production, replay
from examples.flights.tally import Replay
from store.engine import engine, part_engine, statements
from store.schema import FEEDBACK, LABELS_PART

ROOT = Path(__file__).resolve().parents[2]
STATE = ROOT / "var" / "demo"
RATE = 1_000
CONNECTIONS = 16
COPIES = 4_000
PATIENCE_S = 60.0
LABELS_AFTER_S = 2.0
LABELS_EVERY_S = 0.5
HALF = 5_000
LATE_SHARE = 0.22
"""Of the flights of July to December."""

LabelledScore = tuple[int, int, str, float, int]
"""Revision of the rollout that routed it, the candidate's basis points, version, score, label."""


class DemoFailed(Exception):
    """A step of the demo failed; the message names it, and where to look."""


@dataclass
class Stage:
    """The running demo: its console, its traffic and its results."""

    console: Console
    environ: dict[str, str]
    url: str = ""
    stop: asyncio.Event = field(default_factory=asyncio.Event)
    replay: Replay = field(default_factory=Replay)
    canary: int = 0
    labelled: int = 0
    labels: Counter[str] = field(default_factory=Counter)
    label_verdicts: dict[str, str] = field(default_factory=dict)

    async def run(self, *words: str) -> None:
        """Show a command, run it, print its output; raises DemoFailed when it fails."""
        self.console.print(f"[bold cyan]$ python deploy.py {shlex.join(words)}[/]", highlight=False)
        process = await asyncio.create_subprocess_exec(
            sys.executable, "deploy.py", *words, cwd=ROOT, env=self.environ, stdout=-1, stderr=-2
        )
        output, _ = await process.communicate()
        self.console.print(output.decode().rstrip(), highlight=False, markup=False)
        if process.returncode:
            raise DemoFailed(
                f"`deploy.py {' '.join(words)}` ended with {process.returncode}; logs are in "
                f"{STATE}/log"
            )

    async def status(self) -> dict[str, Any]:
        """The router's status."""
        async with httpx.AsyncClient() as client:
            return dict((await client.get(f"{self.url}/status")).json())

    async def until(
        self, what: str, goal: int, measure: Callable[[dict[str, Any]], int]
    ) -> dict[str, Any]:
        """Show a growing number of the status as a bar until it reaches the goal.

        Returns the last status.
        """
        columns = (
            TextColumn("  {task.description:<34}"),
            BarColumn(30),
            TextColumn("{task.completed:>6.0f}"),
        )
        give_up = time.monotonic() + PATIENCE_S
        with Progress(*columns, TimeElapsedColumn(), console=self.console) as progress:
            task = progress.add_task(what, total=goal)
            while True:
                status = await self.status()
                progress.update(task, completed=min(goal, measure(status)))
                if measure(status) >= goal:
                    return status

                if time.monotonic() > give_up:
                    raise DemoFailed(
                        f"{what}: {measure(status)} of {goal} after {PATIENCE_S:.0f} s"
                    )
                await asyncio.sleep(0.2)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the demo; returns 0, or 1 when a request or a step failed, or 130 for Ctrl-C."""
    options = _options(arguments)
    console = Console(stderr=options.json, soft_wrap=True)
    environ = {**os.environ, "SLUICE_STATE": str(STATE), "SLUICE_ACTOR": "demo"}
    try:
        result = asyncio.run(_demo(Stage(console, environ), options.keep))
    except KeyboardInterrupt:
        console.print("stopped; everything that was started is down again")
        return 130
    except (DemoFailed, httpx.HTTPError) as error:
        console.print(f"[red]{error}[/]")
        return 1

    if options.json:
        print(json.dumps(result))

    return 1 if result["failed"] else 0


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python deploy.py demo", description=__doc__)
    parser.add_argument(
        "--keep", action="store_true", help="leave the stack up and print its address"
    )
    parser.add_argument(
        "--json",
        action="store_true",
        help="print the steps on stderr, and one JSON object at the end",
    )
    return parser.parse_args(arguments)


async def _demo(stage: Stage, keep: bool) -> dict[str, Any]:
    started = time.monotonic()
    await _quietly_down(stage)
    _forget(STATE)
    try:
        await _deliver(stage)
        await stage.run("up", "--port", "0")
        stage.url = (STATE / "run" / "router.url").read_text().strip()
        await _release_first(stage)
        await _with_traffic(stage, _rollouts)
        result = await _closing(stage, started)
    except BaseException:
        await _quietly_down(stage)
        raise

    if keep:
        stage.console.print(
            f"The stack is up: {stage.url}  (SLUICE_STATE={STATE} python deploy.py down ends it)"
        )
    else:
        await stage.run("down")

    return result


async def _deliver(stage: Stage) -> None:
    stage.console.rule("delivery: tested, packed, described, signed, waiting")
    for version in ("v1", "v2", "v3"):
        await stage.run("deliver", version, "--from", f"examples/flights/{version}.py")


async def _release_first(stage: Stage) -> None:
    stage.console.rule("deployment and release: v1 answers everybody")
    await stage.run("deploy", "v1")
    await stage.run("promote", "v1", "-m", "the first release")


async def _with_traffic(stage: Stage, steps: Callable[[Stage], Awaitable[None]]) -> None:
    """Send the flights of July to December during the steps, then finish the open requests."""

    def note(running: Replay) -> None:
        stage.replay = running

    traffic = replay(
        stage.url,
        production().shuffled(),
        connections=CONNECTIONS,
        rate=RATE,
        again=True,
        stop=stage.stop,
        progress=note,
    )
    users = asyncio.create_task(traffic)
    labels = asyncio.create_task(_late_labels(stage))
    try:
        await steps(stage)
    finally:
        stage.stop.set()
        stage.replay = await users
        await labels


async def _late_labels(stage: Stage) -> None:
    """Send the true delay of each flight some time after its prediction, until the traffic ends."""
    seen: deque[tuple[float, int]] = deque()
    while not stage.stop.is_set():
        seen.append((time.monotonic(), len(stage.replay.pending)))
        while seen and seen[0][0] <= time.monotonic() - LABELS_AFTER_S:
            await _send_labels(stage, seen.popleft()[1])
        await asyncio.sleep(LABELS_EVERY_S)


async def _send_labels(stage: Stage, until: int) -> None:
    """Send the labels of the first `until` predictions of the traffic."""
    part = stage.replay.pending[stage.labelled : until]
    stage.labelled = max(stage.labelled, until)
    stage.labels.update(await send_feedback(stage.url, part))


async def _rollouts(stage: Stage) -> None:
    await stage.until("v1 answers flights of July on", 2_000, lambda s: _of(s, "v1", "requests"))
    await _shadow(stage)
    await _canary(stage)
    await _broken_canary(stage)


async def _shadow(stage: Stage) -> None:
    stage.console.rule("shadow: v2 gets copies, its answers are compared and discarded")
    await stage.run("deploy", "v2")
    await stage.run("shadow", "v2", "-m", "does it predict the same?")
    status = await stage.until(
        "copies compared", COPIES, lambda s: sum(_shadow_counts(s, "v2").values())
    )
    seen = _shadow_counts(status, "v2")
    total = sum(seen.values())
    stage.console.print(
        f"  v2 predicts the same class as v1 for {seen['agree'] / total:.1%} of {total} copies "
        f"({seen['differ']} differ, {seen['error']} errors)"
    )


async def _canary(stage: Stage) -> None:
    stage.console.rule("canary: v2 goes from 5 % to its release by itself, on proof")
    await stage.run(
        "canary",
        "v2",
        "--auto",
        "--steps",
        "5,25,50",
        "--every",
        "5s",
        "-m",
        "better on held-out flights",
    )
    stage.canary = int((await stage.status())["revision"])
    for share in (5, 25, 50):
        await stage.until(f"v2 at {share} %", share, lambda s: _share(s, "v2"))
        await stage.run("status")

    await stage.until("v2 released", 100, lambda s: _share(s, "v2"))
    await stage.run("explain")
    stage.label_verdicts["v2"] = await _label_verdict(stage)


async def _broken_canary(stage: Stage) -> None:
    stage.console.rule(
        "canary of v3: an honest-looking version with a fault that only production shows"
    )
    await stage.run("deploy", "v3")
    began = await stage.status()
    await stage.run(
        "canary",
        "v3",
        "--auto",
        "--steps",
        "20,50",
        "--every",
        "5s",
        "-m",
        "trained on the freshest month",
    )
    status = await stage.until(
        "v3 rolled back", began["revision"] + 2, lambda s: int(s["revision"])
    )
    await stage.run("explain")
    stage.label_verdicts["v3"] = await _label_verdict(stage)
    stage.console.print(
        f"  v3 fails on airports it never saw: {_of(status, 'v3', 'errors')} of "
        f"{_of(status, 'v3', 'requests')} requests; v2 answered each of them in its place"
    )
    before = _of(status, "v2", "requests")
    await stage.until(
        "v2 answers everybody again", 1_000, lambda s: _of(s, "v2", "requests") - before
    )


async def _closing(stage: Stage, started: float) -> dict[str, Any]:
    stage.console.rule("late labels: the true delays come back")
    await _send_labels(stage, len(stage.replay.pending))
    sent = stage.labels
    stage.console.print(
        f"  {sent['counted']} labels counted, {sent['duplicates']} duplicates, {sent['invalid']} "
        f"invalid; each came {LABELS_AFTER_S:g} s after its prediction, the rest now"
    )
    for version, verdict in stage.label_verdicts.items():
        stage.console.print(
            f"  their verdict on {version} at the end of its canary: {verdict}", markup=False
        )

    status = await _settled(stage)
    labels = _labels(os.environ.get("DATABASE_URL") or f"sqlite:///{STATE / 'ledger.db'}")
    everything = _auc(labels)
    shared = _auc([row for row in labels if row[:2] == (stage.canary, HALF)])
    stage.console.rule("what happened")
    await stage.run("history", "-n", "20")
    stage.console.print(_table(status, everything, shared))
    stage.console.print(
        "  AUC: of all its flights; and of those of the half-half step of v2's canary, drawn by "
        "chance"
    )
    stage.console.print(f"  {_compared(shared)}", markup=False)
    failed = stage.replay.failed
    colour = "bold red" if failed else "bold green"
    stage.console.print(
        f"[{colour}]{failed} failed requests[/] of {stage.replay.sent}, in "
        f"{time.monotonic() - started:.0f} s"
    )
    for problem in stage.replay.problems:
        stage.console.print(f"  {problem}", markup=False)

    return {
        "requests": stage.replay.sent,
        "failed": failed,
        "versions": status["versions"],
        "auc": everything,
        "auc_canary": shared,
    }


async def _settled(stage: Stage) -> dict[str, Any]:
    """The status once all workers have published what they counted of the replay."""
    give_up = time.monotonic() + 5
    while True:
        status = await stage.status()
        counted = sum(row["requests"] for row in status["versions"].values())
        if counted >= stage.replay.sent or time.monotonic() > give_up:
            return status
        await asyncio.sleep(0.1)


def _labels(database_url: str) -> list[LabelledScore]:
    """Every label that was counted."""
    columns = (
        FEEDBACK.c.rollout,
        FEEDBACK.c.weight,
        FEEDBACK.c.version,
        FEEDBACK.c.predicted,
        FEEDBACK.c.label,
    )
    ledger = engine(database_url)
    try:
        with statements(part_engine(ledger, LABELS_PART)) as connection:
            rows = connection.execute(select(*columns))
            return [(row[0], row[1], row[2], row[3], int(float(row[4]))) for row in rows]
    finally:
        ledger.dispose()


def _auc(rows: list[LabelledScore]) -> dict[str, tuple[int, float | None]]:
    """Labels and AUC by version."""
    scored: dict[str, tuple[list[int], list[float]]] = {}
    for _, _, version, score, label in rows:
        labels, scores = scored.setdefault(version, ([], []))
        labels.append(label)
        scores.append(score)

    return {
        version: (
            len(labels),
            float(roc_auc_score(labels, scores)) if len(set(labels)) == 2 else None,
        )
        for version, (labels, scores) in scored.items()
    }


def _table(status: dict[str, Any], everything: dict[str, Any], shared: dict[str, Any]) -> Table:
    table = Table()
    for name in (
        "version",
        "requests",
        "errors",
        "p50 ms",
        "p99 ms",
        "labels",
        "AUC",
        "AUC in v2's canary",
    ):
        table.add_column(name, justify="left" if name == "version" else "right")

    for version, row in status["versions"].items():
        labels, score = everything.get(version, (0, None))
        shown = (row["requests"], row["errors"], row["p50_ms"], row["p99_ms"], labels)
        scores = map(_score, (score, shared.get(version, (0, None))[1]))
        table.add_row(version, *map(str, shown), *scores)

    return table


def _score(value: float | None) -> str:
    if value is None:
        return "-"

    return f"{value:.3f}"


async def _label_verdict(stage: Stage) -> str:
    """The late labels' part of the last act's verdict, in words."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "deploy.py", "explain", "--json", cwd=ROOT, env=stage.environ, stdout=-1
    )
    verdict = json.loads((await process.communicate())[0])["verdict"]
    for signal in verdict["signals"]:
        if signal["name"] == "labels":
            odds = acts_at(signal["against"], signal["against_needed"])
            return (
                f"{signal['candidate']} against {signal['stable']} ({signal['says']}; odds {odds})"
            )

    return "none: no label came in time"


def _compared(shared: dict[str, tuple[int, float | None]]) -> str:
    """The two AUCs of v2's canary, and whether so many labels can tell them apart."""
    (old_labels, old), (new_labels, new) = (
        shared.get(version, (0, None)) for version in ("v1", "v2")
    )
    if old is None or new is None:
        return "too few labels in v2's canary for an AUC of both"

    # Hanley and McNeil's standard error, with a fifth of the flights late.
    error = sqrt(_variance(old, old_labels) + _variance(new, new_labels))
    direction = "higher" if new > old else "lower"
    significance = "beyond" if abs(new - old) > 1.96 * error else "within"
    return (
        f"AUC in v2's canary: v2 {abs(new - old):.3f} {direction} than v1, {significance} chance "
        f"(±{1.96 * error:.3f})"
    )


def _variance(auc: float, labels: int) -> float:
    late, punctual = labels * LATE_SHARE, labels * (1 - LATE_SHARE)
    pairs, squares = auc / (2 - auc), 2 * auc * auc / (1 + auc)
    above = (
        auc * (1 - auc) + (late - 1) * (pairs - auc * auc) + (punctual - 1) * (squares - auc * auc)
    )
    return above / (late * punctual)


def _of(status: dict[str, Any], version: str, what: str) -> int:
    return int(status["versions"].get(version, {}).get(what) or 0)


def _share(status: dict[str, Any], version: str) -> int:
    """The version's share of the traffic, in whole percent."""
    return int(status["asked"].get(version, 0)) // 100


def _shadow_counts(status: dict[str, Any], version: str) -> dict[str, int]:
    shadow = status["versions"].get(version, {}).get("shadow", {})
    return {outcome: int(shadow.get(outcome, 0)) for outcome in ("agree", "differ", "error")}


async def _quietly_down(stage: Stage) -> None:
    if (STATE / "supervisord.conf").exists():
        process = await asyncio.create_subprocess_exec(
            sys.executable, "deploy.py", "down", cwd=ROOT, env=stage.environ, stdout=-3, stderr=-3
        )
        await process.wait()


def _forget(state: Path) -> None:
    """Each demo starts with an empty ledger; the delivered bundles stay."""
    for path in state.glob("ledger*.db*"):
        path.unlink()
