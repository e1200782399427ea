"""Writes docs/benchmarks.md and its pictures from the last results: `python -m benchmarks.report`.

serving.py, protocols.py, spent.py, rollout.py, overload.py, load.py, abuse.py, verdict.py and
slugs.py leave their JSON in var/bench/results; the section of what is not there stays as it is.
"""

import json
import re
import sys
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt

from benchmarks.adversary import goals
from benchmarks.processes import ROOT, STATE

RESULTS = STATE / "results"
PAGE = ROOT / "docs" / "benchmarks.md"
PICTURES = ROOT / "docs" / "pictures"
CONNECTIONS = ("1", "64", "256")
OURS, PEERS, FLOORS = "#1f6f8b", "#b9b4a7", "#e3dfd3"
Result = dict[str, Any]

HEAD = """# Benchmarks

`python -m benchmarks.report` writes this page from the output of the commands named below. Load
generator, router and versions share the machine's cores, so **compare ratios, not figures**. Every
set-up runs once per round, one after the other, and a ratio is taken within a round. The tables
show the medians of the rounds; the spread of a ratio is its lowest and its highest round. Hosts
differ more than rounds do: the ratio to plain at 64 connections, 266 in one quiet hour, was 134 to
243 in single rounds on slower and busier ones.

"""


def main() -> int:
    """Write the page; returns 1 where there is no result at all."""
    sections: dict[str, tuple[str, Callable[[Result], str]]] = {
        "serving": ("Predictions a second", serving),
        "protocols": ("Ways in", protocols),
        "spent": ("Where the time goes", spent),
        "rollout": ("What a rollout costs its users", rollout),
        "overload": ("Overload, fairness, memory and start", overload),
        "load": ("Generators of load", load),
        "abuse": ("What hostile clients and faults cost honest users", abuse),
        "verdict": ("What the verdict promises, and what it costs", verdict),
        "conduct": ("Rollouts that run by themselves", conduct),
        "slugs": ("What a dyno holds", slugs),
    }
    results = {name: _result(name) for name in sections}
    if not any(results.values()):
        print(f"{RESULTS} is empty: run `make bench` first", file=sys.stderr)
        return 1

    PICTURES.mkdir(parents=True, exist_ok=True)
    mpl.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "sluice", "font.size": 9})
    before = _sections_of(PAGE.read_text())
    parts = []
    for name, (heading, section) in sections.items():
        result = results[name]
        text = before.get(heading, "") if result is None else section(result)
        if text:
            parts.append(f"## {heading}\n\n{text.strip()}\n")

    PAGE.write_text(HEAD + "\n".join(parts))
    return 0


def _sections_of(page: str) -> dict[str, str]:
    """What stands on a page, by heading."""
    texts = {}
    for section in page.split("\n## ")[1:]:
        heading, _, text = section.partition("\n")
        texts[heading] = text

    return texts


def _result(name: str) -> Result | None:
    path = RESULTS / f"{name}.json"
    return json.loads(path.read_text()) if path.exists() else None


def serving(result: Result) -> str:
    """The section of serving.py."""
    ran = {name: setup for name, setup in result["setups"].items() if not setup["failure"]}
    _bars(ran, PICTURES / "serving.svg")
    machine = result["machine"]
    lines = [
        f"`python -m benchmarks.serving{result['arguments']}` on {machine['cores']} cores "
        f"({machine['cpu']}, Python {machine['python']}). One flight per request. v1 (logistic "
        "regression) answers 90 %, v2 (gradient boosting) 10 %. *forest*: two random forests of "
        "100 and 120 trees on flights with nulls among their numbers, integers and texts. wrk "
        "sends the requests over kept connections, from the same cores.",
        "",
        "![requests per second at 64 connections](pictures/serving.svg)",
        "",
        "| set-up | req/s at 1 | at 64 | at 256 | p50 / p99 ms at 1 | at 64 | at 256 | MB |",
        "|---|--:|--:|--:|--:|--:|--:|--:|",
        *(_row(name, setup) for name, setup in _fastest_first(ran)),
        "",
        "| ratio | | spread |",
        "|---|--:|--:|",
        *(_ratio_row(name, setup) for name, setup in result["spread"].items()),
        "",
        "What was run:",
        "",
        *(f"* **{name}**: {setup['about']}" for name, setup in ran.items()),
        *(
            f"* left out: **{n}**: {e['failure'].splitlines()[0][:200]}"
            for n, e in result["setups"].items()
            if e["failure"]
        ),
        "",
    ]
    return "\n".join(lines)


def protocols(result: Result) -> str:
    """The section of benchmarks/protocols.py."""
    lines = [
        f"`python -m benchmarks.protocols{result['arguments']}`: one flight per request by each "
        "protocol to one Sluice (90/10, on ONNX), and MLflow's own server with v1. Ratios are to "
        "`/predict`; `ratio_mlflow_server` is Sluice's `/invocations` by MLflow's server.",
        "",
        "| way in | req/s at 1 | at 64 | p50 / p99 ms at 1 | at 64 |",
        "|---|--:|--:|--:|--:|",
    ]
    for name, setup in result["setups"].items():
        if not setup["failure"]:
            lines.append(_way_row(name, setup))

    lines += ["", "| ratio | | spread |", "|---|--:|--:|"]
    lines += [_ratio_row(name, spread) for name, spread in result["spread"].items()]
    return "\n".join(lines) + "\n"


def _way_row(name: str, setup: Result) -> str:
    rates = [f"{_median(setup, count, 'requests_s'):,.0f}" for count in ("1", "64")]
    times = [
        f"{_median(setup, count, 'p50_ms'):.2f} / {_median(setup, count, 'p99_ms'):.1f}"
        for count in ("1", "64")
    ]
    return f"| {name} | {' | '.join([*rates, *times])} |"


def spent(result: Result) -> str:
    """The section of spent.py."""
    lines = [
        f"`python -m benchmarks.spent`: {result['connections']} connections, "
        f"{result['requests_s']:,} requests per second. Processor time per request. The rest of "
        "two cores is idle or the system's own.",
        "",
        "| process | µs a request |",
        "|---|--:|",
        *(f"| {name} | {value} |" for name, value in result["microseconds"].items()),
        "",
    ]
    return "\n".join(lines)


def rollout(result: Result) -> str:
    """The section of rollout.py."""
    lines = [
        f"`python -m benchmarks.rollout`, with {result['connections']} kept connections all the "
        "time. *New split after*: from the insert into the ledger until the new version answered "
        "every user whom the change moves. *Whole act*: with the check of golden answers, the "
        "start of a process and the drain. *Longest silence*: the longest time in which no user "
        "got an answer.",
        "",
        "| act | requests | failed | new split after | whole act | longest silence |",
        "|---|--:|--:|--:|--:|--:|",
        *(_act_row(act) for act in result["acts"]),
        "",
    ]
    return "\n".join(lines)


def overload(result: Result) -> str:
    """The section of overload.py: its medians, phase by phase."""
    lines = [
        "`python -m benchmarks.overload`. Ratios compare with what it measured itself in the "
        "same run.",
        "",
    ]
    lines += ["| | figure | |", "|---|---|--:|"]
    for part, figures in result["medians"].items():
        lines += [_figure_row(part, name, value) for name, value in figures.items()]

    return "\n".join([*lines, ""])


def load(result: Result) -> str:
    """The section of benchmarks/load.py."""
    medians = result["medians"]
    lines = [
        "`python -m benchmarks.load`: the engine of [load tests](load.md), wrk and Locust "
        "(FastHttpUser) send to nginx, which answers a constant, one after the other in each "
        "round. Each is one process; nginx has the other core.",
        "",
        "| | requests/s at 32 connections | the engine by it | p50 ms at 1 connection | the engine "
        "by it |",
        "|---|--:|--:|--:|--:|",
        f"| engine | {medians['engine_s']:,.0f} | | {medians['engine_p50_ms']:.3f} | |",
        f"| wrk | {medians['wrk_s']:,.0f} | {result['ratio_wrk']:.2f} | "
        f"{medians['wrk_p50_ms']:.3f} | {result['p50_ratio']:.2f} |",
        f"| Locust | {medians['locust_s']:,.0f} | {result['ratio_locust']:.1f} | whole "
        "milliseconds | |",
        "",
    ]
    return "\n".join(lines)


def abuse(result: Result) -> str:
    """The section of abuse.py."""
    lines = [
        "`python -m benchmarks.abuse`: v1 is released, and v2 is a canary of 20 % with `--auto`. "
        "Honest users send 300 requests per second, first alone and then during each attack of "
        "`benchmarks/attacks.py`, which goes on until after a rollback. *Ratio*: the p99 of "
        "honest requests divided by that without the attack, in the same round. A fault stops "
        "what answers, so its figures include users who waited for the restart. *Moved*: whether "
        "the attack changed the rollout.",
        "",
        "| attack | p99 ms alone | beside it | ratio | honest requests lost | most MB more | "
        "rollback s | moved |",
        "|---|--:|--:|--:|--:|--:|--:|---|",
        *(
            f"| {attack['name']} | {attack['alone_p99_ms']:.1f} | {attack['honest_p99_ms']:.1f} | "
            f"{attack['honest_p99_ratio']:.2f} | "
            f"{attack['lost']} of {attack['honest_requests']:,} | "
            f"{attack['rss_mb_growth']:.0f} | {attack['rollback_s']:.2f} | "
            f"{'yes' if attack['verdict_moved'] else 'no'} |"
            for attack in result["attacks"]
        ),
        "",
        f"`rollback` on an idle stack takes {result['rollback_over_python']:.1f} times as long as "
        "`python -c pass`, from the start of the command until every router worker has the new "
        "split.",
        "",
    ]
    return "\n".join(lines)


def verdict(result: Result) -> str:
    """The section of verdict.py: false alarms, regressions beside the trial and the rivals,
    cost.
    """
    lines = [
        "`python -m benchmarks.verdict`: the code of `rollout/` on simulated traffic. "
        f"{result['runs']:,} rollouts of {result['looks']} looks with nothing wrong, with weights "
        "that go up and down, and rates that follow a daily cycle and jump. *No tolerance*: any "
        "difference counts.",
        "",
        "| promised at most 5 % | |",
        "|---|--:|",
        *(f"| {name} | {percent(share)} |" for name, share in _alarms(result)),
        "",
        "Requests of both versions until a regression is rolled back at a weight of 5 %, median "
        "/ 90th percentile. Sluice has a share of alpha of 1 % and no tolerance, and judges "
        "response times at this weight (by default it does so only near one half). In brackets: "
        "how often this judge rolls back a candidate with nothing wrong. *Trial*: what the "
        "method needed when it was chosen, with the same share. Kayenta, the gate of Argo and "
        "Flagger (three failures) and a test without correction (chi-square, Welch) look every "
        "minute for an hour.",
        "",
        "| regression | trial | ours | by trial | Kayenta | gate | repeated test |",
        "|---|--:|--:|--:|--:|--:|--:|",
        *(
            _regression_row(name, outcome, result["rivals"][name])
            for name, outcome in result["regressions"].items()
        ),
        "",
        "| needed | median / 90 % |",
        "|---|--:|",
        *(
            f"| timed pairs, {name} | {summary(outcome)} |"
            for name, outcome in result["latency_pairs"].items()
        ),
        f"| requests since errors rose from 0.1 to 1 % at request 50,000 | "
        f"{summary(result['late_onset'])} |",
        *(
            f"| failed requests of a dead candidate, {name} | {outcome['median']:.0f}, at most "
            f"{outcome['most']:.0f} |"
            for name, outcome in result["dead_canary_requests"].items()
        ),
        f"| µs a verdict (the first) | {result['us_per_verdict']['median']:,} "
        f"({result['us_per_verdict']['first']:,}) |",
        "",
        *_hostile_traffic(result),
    ]
    return "\n".join(lines)


def _hostile_traffic(result: Result) -> list[str]:
    """What the adversary achieved; nothing for a result from before there was one."""
    if "adversary" not in result:
        return []

    return [
        "Hostile traffic, on the router's, the lanes' and the controller's own code; only network, "
        "clock and database are replaced (`python -m benchmarks.adversary` plays single trials). "
        "Medians, and the share of the worst trial.",
        "",
        *goals.lines(result),
        "",
    ]


def conduct(result: Result) -> str:
    """The section of conduct.py; runs of one name but for their number are a row."""
    rows: dict[str, list[Result]] = {}
    for run in result["runs"]:
        rows.setdefault(re.sub(r"(the same model) \d+", r"\1", run["name"]), []).append(run)

    lines = [
        "`python -m benchmarks.conduct`: real processes and flights; each candidate against v1 "
        "runs with `--auto`. *Failed*: requests that users lost. Requests and seconds are from "
        "the start to the outcome, the median of several runs.",
        "",
        "| run | expected | outcome | requests | seconds | failed |",
        "|---|---|---|--:|--:|--:|",
        *(_run_row(name, runs) for name, runs in rows.items()),
        "",
    ]
    return "\n".join(lines)


def _run_row(name: str, runs: list[Result]) -> str:
    as_expected = sum(run["outcome"] == run["expected"] for run in runs)
    outcome = (
        runs[0]["outcome"]
        if len(runs) == 1
        else f"{as_expected} of {len(runs)} {runs[0]['expected']}"
    )
    requests, seconds = (median(run[key] for run in runs) for key in ("requests", "seconds"))
    failed = sum(run["failed"] for run in runs)
    return (
        f"| {name} | {runs[0]['expected']} | {outcome} | {requests:,.0f} | {seconds:.0f} | "
        f"{failed} |"
    )


def slugs(result: Result) -> str:
    """The section of slugs.py: what a dyno would hold."""
    lines = [
        "`python -m benchmarks.slugs`: the source that is sent for each app; the slug that a new "
        "environment of exactly its requirements.txt makes (compressed, and on the disk; Heroku "
        "adds about 30 MB of Python and allows 500 MB); and the memory of its processes after "
        f"{result['seconds']:g} s of load at 64 connections, with the workers that a Basic dyno "
        "gets. *Resident*: proportional, so that shared pages count once. *Sum*: of each process "
        "by itself.",
        "",
        f"| app | source MB | slug MB | on the disk | packages | workers | resident, of "
        f"{result['memory_mb']} | sum |",
        "|---|--:|--:|--:|--:|--:|--:|--:|",
        *(_slug_row(app) for app in result["apps"]),
        "",
    ]
    return "\n".join(lines)


def _slug_row(app: Result) -> str:
    sizes = [f"{app['tarball_mb']:.2f}", f"{app['slug_mb']:.0f}", f"{app['installed_mb']:.0f}"]
    memory = [f"**{app['resident_mb']:.0f}**", f"{app['rss_mb']:.0f}"]
    return (
        "| "
        + " | ".join([app["name"], *sizes, str(app["packages"]), str(app["workers"]), *memory])
        + " |"
    )


def _alarms(result: Result) -> list[tuple[str, float]]:
    promotion = dict(result["false_promotion"])
    overall = promotion.pop("overall")
    return [
        ("rolled back with nothing wrong", result["false_rollback"]),
        ("the same, no tolerance", result["false_rollback_strict"]),
        ("held for its predictions with nothing wrong", result["false_hold"]),
        ("the same, no tolerance", result["false_hold_strict"]),
        *(
            (f"exactly on the margin of {name}, and certified in it", share)
            for name, share in promotion.items()
        ),
        ("exactly on a margin, and promoted", overall),
    ]


def _regression_row(name: str, regression: Result, judges: Result) -> str:
    ratios = [
        "-" if ratio is None else f"{ratio:.2f}"
        for ratio in (regression["ratio"], regression["ratio_p90"])
    ]
    trial = f"{regression['trial_median']:,} / {regression['trial_p90']:,}"
    shown = {
        judge: f"{summary(outcome)} [{percent(outcome['false_rollback'])}]" if outcome else "-"
        for judge in ("ours", "kayenta", "gate", "repeated")
        for outcome in (judges.get(judge),)
    }
    cells = [name, trial, f"**{shown['ours']}**", " / ".join(ratios), *list(shown.values())[1:]]
    return "| " + " | ".join(cells) + " |"


def summary(results: Result) -> str:
    """Median and 90th percentile, or what share was found where they lie beyond the last look."""
    share = f"finds {percent(results['detected'])}"
    if results["median"] is None:
        return share

    return f"{results['median']:,.0f} / " + (
        share if results["p90"] is None else f"{results['p90']:,.0f}"
    )


def percent(share: float) -> str:
    """A share with three digits."""
    return f"{share * 100:.3g} %"


def _figure_row(part: str, name: str, value: float | None) -> str:
    shown = "-" if value is None else f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
    return f"| {part} | {name.replace('_', ' ')} | {shown} |"


def _median(setup: Result, connections: str, figure: str) -> float:
    return median(load[figure] for load in setup["loads"][connections])


def _fastest_first(setups: dict[str, Result]) -> list[tuple[str, Result]]:
    return sorted(setups.items(), key=lambda item: -_median(item[1], "64", "requests_s"))


def _row(name: str, setup: Result) -> str:
    rates = [f"{_median(setup, count, 'requests_s'):,.0f}" for count in CONNECTIONS]
    times = [
        f"{_median(setup, c, 'p50_ms'):.2f} / {_median(setup, c, 'p99_ms'):.1f}"
        for c in CONNECTIONS
    ]
    shown = f"**{name}**" if name.startswith("sluice") else name
    return "| " + " | ".join([shown, *rates, *times, f"{max(setup['memory_mb']):,.0f}"]) + " |"


def _ratio_row(name: str, spread: Result) -> str:
    return f"| `{name}` | {spread['value']:.3g} | {spread['low']:.3g} to {spread['high']:.3g} |"


def _act_row(act: Result) -> str:
    waited = (
        "-" if act["seconds_until_new_split"] is None else f"{act['seconds_until_new_split']:.3f} s"
    )
    cells = [
        act["act"],
        f"{act['requests']:,}",
        act["failed"],
        waited,
        f"{act['act_s']:.2f} s",
        f"{act['longest_silence_s']:.3f} s",
    ]
    return "| " + " | ".join(map(str, cells)) + " |"


def _colour(name: str) -> str:
    if name.startswith("sluice"):
        return OURS
    if name.startswith("floor"):
        return FLOORS
    return PEERS


def _bars(setups: dict[str, Result], path: Path) -> None:
    pairs = [
        (name, _median(setup, "64", "requests_s"))
        for name, setup in reversed(_fastest_first(setups))
    ]
    colours = [_colour(name) for name, _ in pairs]
    figure, axes = plt.subplots(figsize=(8, 0.32 * len(pairs) + 0.8))
    bars = axes.barh([name for name, _ in pairs], [rate for _, rate in pairs], color=colours)
    axes.bar_label(bars, labels=[f" {rate:,.0f}" for _, rate in pairs])
    axes.set_xscale("log")
    axes.set_xlabel("requests per second at 64 connections (logarithmic)")
    axes.spines[["top", "right"]].set_visible(False)
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)


if __name__ == "__main__":
    sys.exit(main())
