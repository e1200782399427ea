"""How many pipelines are certified: `python -m benchmarks.coverage [--json] [--only NAME]`.

Each pipeline of the panel is delivered as a user does it, and the version is then asked for 2,000
adversarial rows. The last line is one JSON object; `python -m benchmarks.coverage.page` makes
docs/coverage.md of that of a whole run. `var/boosters/bin/python -m benchmarks.coverage --boosters`
measures those of other packages, for a section of the page (`scripts/setup.sh boosters`).
"""

import argparse
import gc
import json
import os
import signal
import sys
import zlib
from contextlib import suppress
from functools import partial
from typing import Any

from rich.console import Console

from benchmarks.coverage.answers.differences import ROWS
from benchmarks.coverage.kept_results import KeptResults
from benchmarks.coverage.limited_processes import LimitedProcesses
from benchmarks.coverage.measurement import Measurement, measured, not_measured
from benchmarks.coverage.panel import boosting
from benchmarks.coverage.panel.registry import panel
from benchmarks.coverage.summary import summary
from benchmarks.results import leave


def main() -> int:
    """Measure and print; returns 1 where a version answers wrongly or a pipeline has none."""
    options = _options()
    families = [*options.family, *(boosting.FAMILIES if options.boosters else ())]
    names = _chosen(options.only, families)
    if options.list:
        print(*names, sep="\n")
        return 0

    # So that the processes end with this one, and what was measured is told.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    console = Console(stderr=options.json, width=150, highlight=False, markup=False)
    _warm_up()
    processes = LimitedProcesses(
        partial(measured, rows=options.rows), not_measured, options.processes, options.limit
    )
    whole = len(names) == len(panel())
    # A part of the panel leaves alone what an interrupted run of all of it has measured.
    kept = KeptResults() if whole else None
    results = _kept(kept, options.resume)
    with suppress(KeyboardInterrupt):
        for result in processes.results([name for name in names if name not in results]):
            if kept is not None:
                kept.add(result)

            results[result.name] = result
            certified = sum(one.is_certified for one in results.values())
            console.print(f"{certified}/{len(results)}/{len(names)} {_line(result)}")

    figures = summary([results[name] for name in panel() if name in results])
    figures["not_measured"] = [name for name in panel() if name not in results]
    _publish(figures, "coverage" if whole else _part(names))
    return 1 if figures["wrong"] or figures["undeliverable"] else 0


def _chosen(only: list[str], families: list[str]) -> list[str]:
    """Names of which `only` is a part, of these families; without either all."""
    chosen = []
    for name, pipeline in panel().items():
        is_of_family = not families or pipeline.family in families
        if is_of_family and (not only or any(part in name for part in only)):
            chosen.append(name)

    # In no order of families, so that what comes first is a sample of all.
    return sorted(chosen, key=lambda name: zlib.crc32(name.encode()))


def _kept(kept: KeptResults | None, resume: bool) -> dict[str, Measurement]:
    """What an interrupted run has measured, where it goes on."""
    if kept is None:
        return {}
    if not resume:
        kept.forget()

    return {result.name: result for result in kept}


def _warm_up() -> None:
    """Import what every delivery needs, so that no process has to."""
    # The import would start a thread, which a forked process does not have.
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"
    import onnxruntime  # noqa: F401
    import skl2onnx  # noqa: F401

    gc.freeze()


def _line(result: Measurement) -> str:
    wrong = ""
    if result.shown:
        wrong = "".join(f"\n      row: {line[:400]}" for line in result.shown)
        wrong = f" · {result.wrong} wrong, {result.refused} refused of {result.rows} rows{wrong}"

    return f"{result.runtime:>13} {result.name} {result.seconds} s · {result.reason[:200]}{wrong}"


def _part(names: list[str]) -> str:
    """The name of a part that the page has a section for; empty for any other one."""
    of_boosters = [name for name, one in panel().items() if one.family in boosting.FAMILIES]
    families = {panel()[name].family for name in names}
    is_all_of_them = families == set(boosting.FAMILIES) and sorted(names) == sorted(of_boosters)
    return "coverage-boosters" if is_all_of_them else ""


def _publish(figures: dict[str, Any], name: str) -> None:
    """Any other part of the panel is printed alone; what the page is made of is kept, too."""
    if name:
        leave(name, figures)
    else:
        print(json.dumps(figures))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.coverage", description=__doc__)
    parser.add_argument("--json", action="store_true", help="tell the progress on stderr")
    parser.add_argument(
        "--only", action="append", default=[], metavar="NAME", help="a part of pipelines' names"
    )
    parser.add_argument("--family", action="append", default=[], help="all pipelines of a family")
    parser.add_argument(
        "--boosters", action="store_true", help="those of LightGBM and the like (var/boosters)"
    )
    parser.add_argument(
        "--resume", action="store_true", help="go on with a run that was interrupted"
    )
    parser.add_argument("--list", action="store_true", help="only the names")
    parser.add_argument(
        "--limit", type=float, default=300.0, help="seconds for one pipeline (%(default)s)"
    )
    parser.add_argument("--processes", type=int, default=2, help="at once (%(default)s)")
    parser.add_argument("--rows", type=int, default=ROWS, help="adversarial ones (%(default)s)")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
