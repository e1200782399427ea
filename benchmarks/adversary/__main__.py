"""Plays some of the adversary's trials: `python -m benchmarks.adversary [PREFIX ...] [--runs N]`.

PREFIX: how the names of the trials begin, all of them by default; `--list` prints the names. One
line a trial: shares of how its runs ended, the median of the requests or failures, a reason.
"""

import argparse
import sys
import time
from functools import partial
from multiprocessing import Pool
from typing import Any

from benchmarks.adversary.trials import Trial, figures, trials
from benchmarks.report import percent

PROCESSES = 2
SHARES = ("rolled_back", "held", "released", "breaker", "found")


def main() -> int:
    """Play them; returns 1 where no trial has such a name."""
    options = _options()
    chosen = [trial for trial in trials() if trial.name.startswith(tuple(options.prefix))]
    for trial in chosen:
        if options.list:
            print(trial.name)
        else:
            print(_played(trial, options.runs), flush=True)

    return 0 if chosen else 1


def _played(trial: Trial, runs: int) -> str:
    began = time.monotonic()
    with Pool(PROCESSES) as pool:
        result = figures(pool.map(partial(_one, trial.name), range(runs), chunksize=1))

    return f"{trial.name}: {_words(result)} [{time.monotonic() - began:.0f} s]"


def _one(name: str, seed: int) -> Any:
    # By its name, since a closure cannot be sent to another process.
    return next(trial for trial in trials() if trial.name == name).play(seed)


def _words(result: dict[str, Any]) -> str:
    words = [f"{name} {percent(result[name])}" for name in SHARES if result.get(name)]
    if result["median"] is not None:
        words.append(f"median {result['median']:,.0f}")

    words += [reason[:160] for reason in result.get("reasons", [])[:1]]
    return ", ".join(words) or "nothing"


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.adversary", description=__doc__)
    parser.add_argument("prefix", nargs="*", default=[""], help="how the trials' names begin")
    parser.add_argument("--runs", type=int, default=10, help="seeds of each (%(default)s)")
    parser.add_argument("--list", action="store_true", help="only the names")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
