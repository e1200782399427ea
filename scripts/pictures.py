"""Writes the tables and pictures that docs/ takes from the code, between markers.

`python -m scripts.pictures` writes them; tests/test_docs.py fails where a table would change. A
marked part looks like `<!-- from the code: settings -->` ... `<!-- end -->`; the rest of a page is
left alone. The pictures of docs/verdict.md are drawn into docs/pictures."""

import ast
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from cli.parameters import Parameter
from cli.verb import Verb
from rollout.state.split import ALL
from rollout.state.strategy import STRATEGIES, Strategy
from rollout.state.version_state import LIVE, TRANSITIONS, Event, State
from router.observability.metric_table import METRICS
from scripts import verdicts
from scripts.dashboard import TARGET, text

ROOT = Path(__file__).resolve().parents[1]
Family = tuple[str, str, list[str], str]
"""Name, kind, labels and meaning of a metric."""
UNITS = ("seconds", "rows", "ratio", "bytes")
ALONE = {
    "proof": "steps while nothing looks worse, release on proof",
    "clock": "the clock, back on evidence",
    "watch": "released once it was watched and has the proof",
    "pairs": "ends with the proof that it answers alike",
    "person": "held; back on evidence, a person decides",
}
"""How an automatic rollout proceeds, by Strategy.ends."""
PART = re.compile(r"(<!-- from the code: (?P<name>[\w ]+) -->\n).*?(<!-- end -->)", re.DOTALL)


def table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    """A Markdown table."""
    lines = [head, tuple("---" for _ in head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def transitions() -> str:
    """State by event; a dot where the event is refused."""
    head = ["state \\ event"]
    for event in Event:
        head.append(f"`{event}`")

    rows = []
    for state in State:
        followers = [str(TRANSITIONS[state].get(event, "·")) for event in Event]
        rows.append((f"**{state}**", *followers))

    return table(tuple(head), rows)


def states() -> str:
    """The same as a picture; events that change nothing are left out."""
    arrows: dict[tuple[State, State], list[str]] = {}
    for state, events in TRANSITIONS.items():
        for event, follower in events.items():
            if follower != state:
                arrows.setdefault((state, follower), []).append(event)

    lines = ["stateDiagram-v2", "    [*] --> delivered: deliver"]
    for (start, end), names in arrows.items():
        lines.append(f"    {start} --> {end}: {', '.join(names)}")

    return "\n".join(["```mermaid", *lines, "```\n"])


def strategies() -> str:
    """The six strategies."""
    head = (
        "strategy",
        "what it does",
        "its shares",
        "who moves it on",
        "with `--auto`",
        "users meet it",
    )
    return table(head, map(_strategy, STRATEGIES.values()))


def _strategy(row: Strategy) -> tuple[str, ...]:
    return f"`{row.name}`", row.summary, _shares(row), _mover(row), ALONE[row.ends], _exposure(row)


def _shares(row: Strategy) -> str:
    return ", ".join(f"{weight / 100:g} %" for weight in row.steps) or "0 %"


def _mover(row: Strategy) -> str:
    if row.by_time:
        return "the clock"
    if row.steps == (ALL,):
        return "the act itself"
    if len(row.steps) > 1:
        return "a person, or the clock with `--every`"
    return "a person"


def _exposure(row: Strategy) -> str:
    """Which users get its answers."""
    if row.shadows:
        return "never"
    if row.steps == (ALL,):
        return "all at once"
    return "their share of them"


def verbs() -> str:
    """Every verb of deploy.py, with its options."""
    import deploy

    return table(("verb", "what it does", "options"), map(_verb, deploy.app.verbs.values()))


def _verb(verb: Verb) -> tuple[str, ...]:
    words = [verb.name]
    options: list[str] = []
    for parameter in verb.parameters():
        if parameter.is_option:
            options.append(f"`{' '.join(parameter.names)}`")
        else:
            words.append(_argument(parameter))

    return f"`{' '.join(words)}`", verb.help, " ".join(options) or "those of the demo"


def _argument(parameter: Parameter) -> str:
    if parameter.required:
        return parameter.metavar
    return f"[{parameter.metavar}]"


def settings() -> str:
    """Every setting of deploy.toml with its default, and the file's own words for it."""
    section, comment, last_comment = "", "", ""
    in_comment = False
    rows: list[tuple[str, ...]] = []
    for line in (ROOT / "deploy.toml").read_text().splitlines():
        if line.startswith("#"):
            words = line.lstrip("# ")
            comment = f"{comment} {words}" if in_comment else words
            in_comment = True
            continue

        in_comment = False
        if line.startswith("["):
            section = line.strip("[]") + "."
        elif "=" in line:
            name, _, default = map(str.strip, line.partition("="))
            meaning = "as above" if rows and comment == last_comment else comment
            rows.append((f"`{section}{name}`", f"`{default}`", meaning.replace("|", "\\|")))
            last_comment = comment

    return table(("setting", "default", "what it does"), rows)


def metrics() -> str:
    """Every metric of the router and of a version's service, with unit and meaning."""
    rows = []
    for metric in METRICS:
        labels = ", ".join(metric.labels)
        rows.append(
            ("router", f"`{metric.name}`", metric.kind, metric.unit, labels, metric.meaning)
        )

    for name, kind, labels_of, meaning in service_families():
        rows.append(("service", f"`{name}`", kind, _unit(name), ", ".join(labels_of), meaning))

    return table(("of", "metric", "kind", "unit", "labels", "what it says"), rows)


def _unit(name: str) -> str:
    return next((unit for unit in UNITS if name.removesuffix("_total").endswith(f"_{unit}")), "")


def service_families() -> Iterator[Family]:
    """Name, kind, labels and meaning of each, from the source: creating them opens files."""
    tree = ast.parse((ROOT / "service" / "metrics.py").read_text())
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and len(node.args) == 3:
            kind = node.func.id
            if kind in ("Counter", "Gauge", "Histogram"):
                name, meaning, labels = map(_constants, node.args)
                suffix = "_total" if kind == "Counter" else ""
                yield name[0] + suffix, kind.lower(), ["version", *labels], meaning[0]


def _constants(node: ast.expr) -> list[str]:
    """The constants in an expression."""
    return [str(part.value) for part in ast.walk(node) if isinstance(part, ast.Constant)]


def live_states() -> str:
    """The states in which a version has a process, in the order of the enum."""
    return ", ".join(f"**{state}**" for state in State if state in LIVE) + "\n"


PARTS: dict[str, Callable[[], str]] = {
    "transitions": transitions,
    "states": states,
    "live states": live_states,
    "strategies": strategies,
    "verbs": verbs,
    "settings": settings,
    "metrics": metrics,
    "signals": lambda: table(*verdicts.signals()),
    "bets": lambda: table(*verdicts.bets()),
    "bettors": lambda: table(*verdicts.bettors()),
    "failures": lambda: table(*verdicts.failures()),
    "thirty users": lambda: table(*verdicts.thirty_users()),
    "proofs": lambda: table(*verdicts.proofs()),
    "looks": lambda: table(*verdicts.looks()),
}


def rewritten(text: str) -> str:
    """A page with its marked parts made anew; raises KeyError for an unknown part."""
    return PART.sub(lambda match: f"{match[1]}{PARTS[match['name']]()}{match[3]}", text)


def pages() -> list[Path]:
    """Every page that may hold a marked part."""
    return sorted((ROOT / "docs").rglob("*.md"))


def main() -> int:
    """Write what has changed, and name it."""
    for page in pages():
        before = page.read_text()
        after = rewritten(before)
        if after != before:
            page.write_text(after)
            print(page.relative_to(ROOT))

    if TARGET.read_text() != (made := text()):
        TARGET.write_text(made)
        print(TARGET.relative_to(ROOT))

    from scripts.drawings import draw

    for picture in draw(ROOT / "docs" / "pictures"):
        print(picture.relative_to(ROOT))

    return 0


if __name__ == "__main__":
    sys.exit(main())
