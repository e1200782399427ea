"""What the verdict promises and what it costs, simulated: `python -m benchmarks.verdict [--json]
[--runs N] [--quick]`.

Seeded, against the code of rollout/ itself: how often a candidate with nothing wrong is rolled
back, how often one that is exactly on its margin is promoted, how many requests a regression costs
before it is found, beside the trial that the method was chosen in and beside rival judges
(benchmarks/judges) on the same traffic, and what a verdict takes. Then hostile traffic on the
router's own code in virtual time (benchmarks/adversary). The last line is one JSON object.
"""

import argparse
import sys
import time
import zlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from multiprocessing import Pool
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table
from threadpoolctl import threadpool_limits

from benchmarks.adversary import goals
from benchmarks.adversary.trials import summary as adversary_summary
from benchmarks.adversary.trials import trials
from benchmarks.judges import promises, regressions, rollouts
from benchmarks.judges.ours import CANARY
from benchmarks.judges.promises import ON_MARGIN, REQUIRED
from benchmarks.judges.regressions import ROWS, Detections, Row
from benchmarks.report import percent, summary
from benchmarks.results import leave

SEED = 2026
PROCESSES = 2
RUNS = 2_000
QUICK = 60
DEAD = tuple((rate, weight) for rate in (0.001, 0.01) for weight in (100, 500))
TIMED = tuple(
    (f"{name}, noise {sigma}", factor, slow, sigma)
    for sigma in (0.1, 0.3)
    for name, factor, slow in (
        ("x1.2", 1.2, 0.0),
        ("x1.3", 1.3, 0.0),
        ("slowest 2 % twice as slow", 1.0, 0.02),
    )
)
JUDGES = ("ours", "kayenta", "gate", "repeated")
CLOSE_ENOUGH = 1.15
"""Times the trial's requests."""

Result = dict[str, Any]
Play = Callable[[np.random.Generator, int], Any]


@dataclass(frozen=True)
class Task:
    """One batch of runs, with a seed of its own, so that it does not matter who plays it and
    when.
    """

    name: str
    play: Play
    batch: int
    runs: int

    def played(self) -> Any:
        """The batch's result."""
        seed = [SEED, zlib.crc32(self.name.encode()), self.batch]
        return self.play(np.random.default_rng(seed), self.runs)


def main() -> int:
    """Play all; returns 1 when a promise is broken."""
    options = _options()
    runs = QUICK if options.quick else options.runs
    began = time.monotonic()
    result = simulated(runs, PROCESSES)
    result["us_per_verdict"] = promises.cost()
    result["seconds"] = round(time.monotonic() - began, 1)
    console = Console(stderr=options.json, width=130)
    for table in (_alarms(result), _regressions(result), _small(result), goals.table(result)):
        console.print(table)

    leave("verdict", result)
    return 0 if kept(result) else 1


def simulated(runs: int, processes: int) -> Result:
    """Everything that does not depend on the machine. runs: healthy rollouts; of the others there
    are fewer.
    """
    played = play(tasks(runs), processes)
    return {
        "runs": runs,
        **_false_alarms(played["healthy"]),
        "false_promotion": _false_promotion(played),
        "regressions": {row.name: _regression(row, _joined(played[row.name])) for row in ROWS},
        "latency_pairs": {name: _summary(_flat(played[name])) for name, *_ in TIMED},
        "dead_canary_requests": {
            _dead_name(*canary): _dead_summary(_flat(played[_dead_name(*canary)]))
            for canary in DEAD
        },
        "late_onset": _late(_flat(played["late onset"])),
        "rivals": {
            row.name: _rivals(_joined(played[f"healthy: {row.healthy}"]), _joined(played[row.name]))
            for row in ROWS
        },
        **adversary_summary({trial.name: _flat(played[trial.name]) for trial in trials()}),
    }


def kept(result: Result) -> bool:
    """Whether what is promised holds, give or take three standard errors of the share seen."""
    alarms = max(result["false_rollback"], result["false_rollback_strict"], result["false_hold"])
    promoted = max(result["false_promotion"].values())
    dead = max(canary["most"] for canary in result["dead_canary_requests"].values())
    runs = result["runs"]
    return bool(
        alarms <= _at_most(CANARY.alpha, runs)
        and promoted <= _at_most(CANARY.beta, runs // 4)
        and dead <= 5
        and goals.reached(result, _part(runs))
    )


def _part(runs: int) -> float:
    """Of the adversary's runs, those that are played with so many healthy rollouts."""
    if runs <= QUICK:
        return 0.0
    return runs / RUNS


def _at_most(share: float, runs: int) -> float:
    return float(share + 3 * np.sqrt(share * (1 - share) / max(runs, 1)))


def tasks(runs: int) -> list[Task]:
    """All batches; what takes long comes first."""
    few, quarter, half = max(runs // 5, 10), max(runs // 4, 20), max(runs // 2, 20)
    batches = _batches("healthy", promises.healthy, runs, 10)
    for name in ON_MARGIN:
        batches += _batches(
            f"margin: {name}",
            partial(promises.on_margin, name),
            quarter if name in REQUIRED else half,
            20,
        )

    for row in sorted(ROWS, key=lambda row: row.signal != "wait"):
        batches += _batches(
            row.name,
            partial(regressions.detections, row, False),
            few if row.signal == "wait" else half,
            20,
        )

    for row in {row.healthy: row for row in ROWS}.values():
        play_it = partial(regressions.detections, row, True)
        batches += _batches(
            f"healthy: {row.healthy}", play_it, few if row.signal == "wait" else half, 20
        )

    for name, factor, slow, sigma in TIMED:
        batches += _batches(name, partial(regressions.timed, factor, slow, sigma), few // 2, 20)

    batches += _batches("late onset", regressions.onset, half, 20)
    for canary in DEAD:
        batches += _batches(
            _dead_name(*canary), partial(promises.dead_canary, *canary), max(few // 4, 5), 100
        )

    return [*_hostile(runs), *batches]


def _hostile(runs: int) -> list[Task]:
    """The adversary's traffic, which takes longest; a quick benchmark plays each trial once."""
    part = _part(runs)
    batches = []
    for trial in trials():
        batches += _batches(trial.name, trial.some, trial.scaled(part), trial.together)

    return batches


def _batches(name: str, played: Play, runs: int, together: int) -> list[Task]:
    sizes = [min(together, runs - begun) for begun in range(0, runs, together)]
    return [Task(name, played, batch, size) for batch, size in enumerate(sizes)]


def play(every: Sequence[Task], processes: int) -> dict[str, list[Any]]:
    """The results of all batches, by name, in the order of the batches."""
    if processes == 1:
        results: Iterable[Any] = [task.played() for task in every]
    else:
        with Pool(processes, initializer=_one_thread) as pool:
            results = pool.map(Task.played, every, chunksize=1)

    played: dict[str, list[Any]] = {}
    for task, result in zip(every, results, strict=True):
        played.setdefault(task.name, []).append(result)

    return played


def _one_thread() -> None:
    threadpool_limits(1)


def _false_alarms(batches: Sequence[Result]) -> dict[str, float]:
    total = sum(batch["rollouts"] for batch in batches)

    def share(judged: str, what: str) -> float:
        return float(sum(batch[judged][what] for batch in batches) / total)

    return {
        "false_rollback": share("default", "rolled_back"),
        "false_rollback_strict": share("strict", "rolled_back"),
        "false_hold": share("default", "held"),
        "false_hold_strict": share("strict", "held"),
        "looks": rollouts.LOOKS,
    }


def _false_promotion(played: dict[str, list[Any]]) -> dict[str, float]:
    def share(names: Iterable[str], what: str) -> float:
        batches = [batch for name in names for batch in played[f"margin: {name}"]]
        return float(
            sum(batch[what] for batch in batches) / sum(batch["rollouts"] for batch in batches)
        )

    return {
        **{name: share([name], "certified") for name in ON_MARGIN},
        "overall": share(REQUIRED, "promoted"),
    }


def _flat(batches: Sequence[Sequence[float]]) -> list[float]:
    return [entry for batch in batches for entry in batch]


def _joined(batches: Sequence[Detections]) -> Detections:
    return {name: _flat([batch[name] for batch in batches]) for name in batches[0]}


def _summary(needed: Sequence[float]) -> Result:
    """Share that was found, and quantiles over all runs; None where they lie beyond the last
    look.
    """
    share = float(np.isfinite(needed).mean())
    return {
        "runs": len(needed),
        "detected": share,
        "median": _quantile(needed, 0.5) if share > 0.5 else None,
        "p90": _quantile(needed, 0.9) if share > 0.9 else None,
    }


def _quantile(values: Sequence[float], of: float) -> float:
    return float(np.quantile(values, of, method="higher"))


def _regression(row: Row, outcomes: Detections) -> Result:
    summary = _summary(outcomes["ours"])
    pairs = list(zip(("median", "p90"), row.trial, strict=True))
    ratios = [summary[name] / trial if summary[name] is not None else None for name, trial in pairs]
    return {
        "signal": row.signal,
        **summary,
        "trial_median": row.trial[0],
        "trial_p90": row.trial[1],
        "ratio": _rounded(ratios[0]),
        "ratio_p90": _rounded(ratios[1]),
        "within": all(ratio is not None and ratio <= CLOSE_ENOUGH for ratio in ratios),
    }


def _rounded(ratio: float | None) -> float | None:
    return None if ratio is None else round(ratio, 3)


def _rivals(well: Detections, worse: Detections) -> Result:
    return {
        name: {"false_rollback": float(np.isfinite(well[name]).mean()), **_summary(worse[name])}
        for name in JUDGES
        if name in worse
    }


def _dead_name(errors: float, weight: int) -> str:
    return f"errors {errors * 100:g} %, weight {weight / 100:g} %"


def _dead_summary(failed: Sequence[float]) -> Result:
    return {"runs": len(failed), "median": _quantile(failed, 0.5), "most": max(failed)}


def _late(delays: Sequence[float]) -> Result:
    """Delays of those that were not rolled back before anything was wrong."""
    return {
        "before": float(np.mean(np.less(delays, 0))),
        **_summary([delay for delay in delays if delay >= 0]),
    }


def _alarms(result: Result) -> Table:
    table = _headed("nothing wrong, or exactly on a margin", "share")
    table.add_row("rolled back, default tolerances", percent(result["false_rollback"]))
    table.add_row("rolled back, no tolerance", percent(result["false_rollback_strict"]))
    table.add_row("held for its predictions", percent(result["false_hold"]))
    table.add_row("held for its predictions, no tolerance", percent(result["false_hold_strict"]))
    for name, share in result["false_promotion"].items():
        table.add_row(
            f"on the margin, certified: {name}" if name != "overall" else "on a margin, promoted",
            percent(share),
        )

    return table


def _regressions(result: Result) -> Table:
    table = _headed("requests to rollback, median / 90 %", "trial", "ratio", *JUDGES)
    for name, outcome in result["regressions"].items():
        rivals = result["rivals"][name]
        cells = [
            f"{summary(rivals[judge])} [{percent(rivals[judge]['false_rollback'])}]"
            if judge in rivals
            else "-"
            for judge in JUDGES
        ]
        trial = f"{outcome['trial_median']:,} / {outcome['trial_p90']:,}"
        ratio = " / ".join(
            "-" if value is None else f"{value:.2f}"
            for value in (outcome["ratio"], outcome["ratio_p90"])
        )
        table.add_row(name, trial, ratio, *cells)

    table.caption = (
        "[ ]: false rollbacks of this judge on this signal, ours at a share of alpha of 1 %"
    )
    return table


def _small(result: Result) -> Table:
    table = _headed("needed", "median / 90 %")
    for name, outcome in result["latency_pairs"].items():
        table.add_row(f"timed pairs, {name}", summary(outcome))

    table.add_row(
        "errors 0.1 to 1 % from request 50,000 on, requests", summary(result["late_onset"])
    )
    for name, outcome in result["dead_canary_requests"].items():
        table.add_row(
            f"dead candidate, {name}", f"{outcome['median']:.0f}, at most {outcome['most']:.0f}"
        )

    took = result["us_per_verdict"]
    table.add_row("microseconds a verdict", f"{took['median']:,}, the first {took['first']:,}")
    return table


def _headed(*columns: str) -> Table:
    table = Table()
    for index, column in enumerate(columns):
        table.add_column(column, justify="right" if index else "left")
    return table


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.verdict", description=__doc__)
    parser.add_argument(
        "--runs", type=int, default=RUNS, help="rollouts with nothing wrong (%(default)s)"
    )
    parser.add_argument("--quick", action="store_true", help=f"only {QUICK} of them, in seconds")
    parser.add_argument("--json", action="store_true", help="the tables on stderr")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
