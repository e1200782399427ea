"""Rollouts that run by themselves, on real processes: `python -m benchmarks.conduct [--json]
[--pairs 20]`.

Under a steady load of real flights a candidate of v1 is given to `canary --auto`, and what the
conductor does is compared with what is known to be right: v2 is released, v3 (which fails on
airports it never saw) is rolled back, a copy of v1 is never rolled back however often it is tried,
a version that computes 30 % longer is rolled back, one whose predictions shift is held, one whose
late labels are worse is rolled back, as a canary and as a shadow that no user meets. The last line
is one JSON object: for each run its expected and its real outcome, the requests and seconds until
then, and the requests that users lost."""

import argparse
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.conduct_small import RATE, small_traffic
from benchmarks.conduct_sticky import sticky_rollouts
from benchmarks.processes import BenchmarkFailed
from benchmarks.results import leave
from benchmarks.rollout_stage import BACK, HELD, RELEASED, Run, Stage
from benchmarks.setups.bundles import bundle
from benchmarks.setups.sluice import stack

CERTIFIED = "[router]\nworkers = 1\n[verdict.prediction]\ntolerance = 0.35\n"
ON_SKLEARN = '[deployment]\nruntime = "sklearn"\n[verdict.prediction]\ntolerance = 0.35\n'
WATCHED = CERTIFIED + 'action = "watch"\n[verdict.agreement]\naction = "watch"\n'


def main() -> int:
    """Try all; returns 1 where an outcome is not the expected one or a request was lost."""
    options = _options()
    console = Console(stderr=options.json, width=160)
    runs: list[Run] = []
    if not options.sticky:
        runs += _independent_users(console, options.pairs)

    with _stage("conduct-sticky", ON_SKLEARN, console, 60) as stage:
        sticky_rollouts(stage)
        runs += stage.runs

    with _stage("conduct-small", CERTIFIED, console, RATE) as stage:
        small_traffic(stage)
        runs += stage.runs

    console.print(_table(runs))
    leave("conduct", {"runs": [asdict(run) for run in runs]})
    return 0 if all(run.outcome == run.expected and run.failed == 0 for run in runs) else 1


def _independent_users(console: Console, pairs: int) -> list[Run]:
    with _stage("conduct", CERTIFIED, console, 1_500) as stage:
        _certified(stage, pairs - pairs // 4)
        runs = stage.runs

    with _stage("conduct-sklearn", ON_SKLEARN, console, 150) as stage:
        stage.deploy("twin", "heavy")
        stage.canary("30 % slower", "heavy", BACK, "5,25,50")
        _same_model(stage, pairs // 4, "5,25,50", " on scikit-learn")
        return [*runs, *stage.runs]


def _certified(stage: Stage, pairs: int) -> None:
    stage.deploy("twin", "shifted")
    bundle("v3")
    stage.stack.run("deploy", "v3")
    stage.canary("v2", "v2", RELEASED, "1,5,25,50")
    stage.back_to_v1()
    stage.canary("v3 fails on some airports", "v3", BACK, "1,5,25,50")
    stage.canary("predictions shift", "shifted", HELD, "5,25,50")
    stage.back_to_v1()
    stage.settings(WATCHED)
    stage.canary("late labels are worse", "shifted", BACK, "5,25,50", labels=True)
    stage.try_out("late labels of a shadow are worse", BACK, ("shadow", "shifted"), labels=True)
    stage.settings(CERTIFIED)
    _same_model(stage, pairs, "5,50")


def _same_model(stage: Stage, pairs: int, steps: str, on: str = "") -> None:
    """A copy of v1 against v1, then v1 against the copy that is released, and so on."""
    candidates = ("twin", "v1")
    for number in range(pairs):
        run = stage.canary(
            f"the same model {number + 1}{on}", candidates[number % 2], RELEASED, steps
        )
        if run.outcome != RELEASED:
            raise BenchmarkFailed(f"{run.name}: {run.outcome}, {run.because}")


@contextmanager
def _stage(name: str, settings: str, console: Console, rate: float) -> Iterator[Stage]:
    with stack(name, settings) as made:
        yield Stage(made, console, rate)


def _table(runs: Sequence[Run]) -> Table:
    table = Table()
    for column in ("run", "expected", "outcome", "requests", "seconds", "failed"):
        table.add_column(
            column, justify="left" if column in ("run", "expected", "outcome") else "right"
        )

    for run in runs:
        shown: list[Any] = [
            run.name,
            run.expected,
            run.outcome,
            run.requests,
            run.seconds,
            run.failed,
        ]
        table.add_row(*map(str, shown))

    return table


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.conduct", description=__doc__)
    parser.add_argument(
        "--pairs", type=int, default=20, help="how often a copy of v1 is tried (%(default)s)"
    )
    parser.add_argument("--sticky", action="store_true", help="only users who come again, and few")
    parser.add_argument("--json", action="store_true", help="tell the progress on stderr")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
