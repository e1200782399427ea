"""Writes the tables and pictures that docs/ takes from the code, between markers; everything else
is left alone.

`python -m scripts.pictures` writes; tests/test_docs.py fails where a table would change. A marked
part looks like `<!-- from the code: settings -->` ... `<!-- end -->`. The pictures of
docs/verdict.md are drawn into docs/pictures."""

import ast
import re
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

from cli.parameters import Parameter
from rollout.state.split import ALL
from rollout.state.strategy import STRATEGIES, Strategy
from rollout.state.version_state import LIVE, TRANSITIONS, Event, State
from scripts import verdicts

ROOT = Path(__file__).resolve().parents[1]
ALONE = {
    "proof": "steps while nothing looks worse, release on proof",
    "clock": "the clock, back on evidence",
    "watch": "released once it was watched and has the proof",
    "pairs": "ends with the proof that it answers alike",
    "person": "held; back on evidence, a person decides",
}
"""How each kind of rollout moves on by itself, by Strategy.ends."""
PART = re.compile(r"(<!-- from the code: (?P<name>[\w ]+) -->\n).*?(<!-- end -->)", re.DOTALL)


def table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    """A Markdown table."""
    lines = [head, tuple("---" for _ in head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def transitions() -> str:
    """State by event; a dot where the event is refused."""
    head = ("state \\ event", *(f"`{event}`" for event in Event))
    rows = [
        (f"**{state}**", *(str(TRANSITIONS[state].get(event, "·")) for event in Event))
        for state in State
    ]
    return table(head, rows)


def states() -> str:
    """The same as a picture; events that change nothing are left out."""
    arrows: dict[tuple[State, State], list[str]] = {}
    for state, events in TRANSITIONS.items():
        for event, follower in events.items():
            if follower != state:
                arrows.setdefault((state, follower), []).append(event)

    lines = [
        f"    {start} --> {end}: {', '.join(events)}" for (start, end), events in arrows.items()
    ]
    return (
        "```mermaid\nstateDiagram-v2\n    [*] --> delivered: deliver\n"
        + "\n".join(lines)
        + "\n```\n"
    )


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
    rows = STRATEGIES.values()
    return table(
        head,
        ((f"`{r.name}`", r.summary, _shares(r), _mover(r), ALONE[r.ends], _met(r)) for r in rows),
    )


def _shares(row: Strategy) -> str:
    return ", ".join(f"{weight / 100:g} %" for weight in row.steps) or "0 %"


def _mover(row: Strategy) -> str:
    if row.by_time:
        return "the clock"
    if row.steps == (ALL,):
        return "the act itself"
    return "a person, or the clock with `--every`" if len(row.steps) > 1 else "a person"


def _met(row: Strategy) -> str:
    return (
        "never" if row.shadows else "all at once" if row.steps == (ALL,) else "their share of them"
    )


def verbs() -> str:
    """Every verb of deploy.py, with its options."""
    import deploy

    rows = []
    for name, verb in deploy.app.verbs.items():
        options = [f"`{' '.join(each.names)}`" for each in verb.parameters() if each.is_option]
        argument = "".join(
            f" {_argument(each)}" for each in verb.parameters() if not each.is_option
        )
        rows.append((f"`{name}{argument}`", verb.help, " ".join(options) or "those of the demo"))

    return table(("verb", "what it does", "options"), rows)


def _argument(parameter: Parameter) -> str:
    return parameter.metavar if parameter.required else f"[{parameter.metavar}]"


def settings() -> str:
    """Every setting of deploy.toml with its default, and the file's own words for it."""
    section, words, told, fresh = "", "", "", True
    rows: list[tuple[str, ...]] = []
    for line in (ROOT / "deploy.toml").read_text().splitlines():
        if line.startswith("#"):
            words = (f"{words} " if not fresh else "") + line.lstrip("# ")
            fresh = False
            continue
        if line.startswith("["):
            section = line.strip("[]") + "."
        elif "=" in line:
            name, default = (part.strip() for part in line.split("=", 1))
            said = "as above" if rows and words == told else words
            rows.append((f"`{section}{name}`", f"`{default}`", said.replace("|", "\\|")))
            told = words
        fresh = True

    return table(("setting", "default", "what it does"), rows)


def router_metrics() -> str:
    """Every metric of the router."""
    from router.endpoints.metrics_text import Exposition

    return _metrics(
        (
            family.name + ("_total" if family.type == "counter" else ""),
            family.type,
            family._labelnames,
            family.documentation,
        )
        for family in Exposition([], {}, "").collect()
    )


def service_metrics() -> str:
    """Every metric of one version's service, read off its source: to make them would open files."""
    return _metrics(service_families())


def service_families() -> Iterable[tuple[str, str, Iterable[str], str]]:
    """Name, kind, labels and meaning of each."""
    tree = ast.parse((ROOT / "service" / "metrics.py").read_text())
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and len(node.args) == 3:
            name, meaning, labels = node.args
            if node.func.id in ("Counter", "Gauge", "Histogram"):
                assert isinstance(name, ast.Constant)
                assert isinstance(meaning, ast.Constant)
                own = [each.value for each in ast.walk(labels) if isinstance(each, ast.Constant)]
                suffix = "_total" if node.func.id == "Counter" else ""
                yield (
                    str(name.value) + suffix,
                    node.func.id.lower(),
                    ["version", *map(str, own)],
                    str(meaning.value),
                )


def _metrics(families: Iterable[tuple[str, str, Iterable[str], str]]) -> str:
    rows = (
        (f"`{name}`", kind, ", ".join(labels), meaning) for name, kind, labels, meaning in families
    )
    return table(("metric", "kind", "labels", "what it says"), rows)


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
    "router metrics": router_metrics,
    "service metrics": service_metrics,
    "signals": lambda: table(*verdicts.signals()),
    "bets": lambda: table(*verdicts.bets()),
    "bettors": lambda: table(*verdicts.bettors()),
    "failures": lambda: table(*verdicts.failures()),
    "proofs": lambda: table(*verdicts.proofs()),
    "looks": lambda: table(*verdicts.looks()),
}


def rewritten(text: str) -> str:
    """A page with its marked parts made anew; raises KeyError for a part nobody makes."""
    return PART.sub(lambda found: f"{found[1]}{PARTS[found['name']]()}{found[3]}", text)


def pages() -> list[Path]:
    """Every page that may hold a marked part."""
    return sorted((ROOT / "docs").rglob("*.md"))


def main() -> int:
    """Write what has changed, and name it."""
    for page in pages():
        before = page.read_text()
        if (after := rewritten(before)) != before:
            page.write_text(after)
            print(page.relative_to(ROOT))

    from scripts.drawings import draw

    for picture in draw(ROOT / "docs" / "pictures"):
        print(picture.relative_to(ROOT))

    return 0


if __name__ == "__main__":
    sys.exit(main())
