"""The documentation matches the code: verbs, options, settings, metrics, states, strategies, files,
links.
"""

import re
import shlex
from pathlib import Path

import pytest
import yaml

import deploy
from cli.render import exit_codes
from rollout.settings import paths
from rollout.state.strategy import STRATEGIES
from rollout.state.version_state import TRANSITIONS, Event, State
from router.endpoints.metrics_text import names
from router.observability.metric_table import METRICS
from scripts.pictures import PARTS, ROOT, pages, rewritten, service_families
from scripts.trials import named_tests

VERBS = deploy.app.verbs
TEXTS = [
    ROOT / name for name in ("README.md", "CHANGELOG.md", "CONTRIBUTING.md", "releases/README.md")
]
PAGES = sorted((ROOT / "docs").rglob("*.md"))
TEXTS += PAGES
DECISIONS = sorted((ROOT / "docs" / "decisions").glob("0*.md"))
FENCED = re.compile(r"^```.*?^```", re.DOTALL | re.MULTILINE)
COMMAND = re.compile(r"python deploy\.py ((?:(?!python deploy\.py)[^`\n])*)")
SOURCE = re.compile(
    r"`((?:cli|rollout|store|wire|router|service|batch|delivery|deployment|targets|emulator|scripts"
    r"|benchmarks|tests|examples|docs)/[\w./-]+)`"
)
READ_BY_CODE = re.compile(r"\"(SLUICE_[A-Z_]+|DATABASE_URL|PORT|WEB_CONCURRENCY)\"")


def page(name: str) -> str:
    """A page of docs/."""
    return (ROOT / "docs" / name).read_text()


def part(name: str, on: str) -> str:
    """A marked part of a page."""
    return page(on).split(f"<!-- from the code: {name} -->\n")[1].split("<!-- end -->")[0]


def rows(table: str) -> list[list[str]]:
    """The cells of a Markdown table without its head, free of their marks."""
    lines = [line for line in table.splitlines() if line.startswith("|")][2:]
    return [
        [cell.strip().strip("`*") for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines
    ]


def section(name: str, title: str) -> str:
    """What follows a heading on a page, up to the next one."""
    return re.split(
        r"^#+ ", page(name).split(f"# {title}\n", 1)[1], maxsplit=1, flags=re.MULTILINE
    )[0]


def commands(text: str) -> list[list[str]]:
    """The words after `python deploy.py` of every command in a text, also in shown output."""
    shown = [
        re.split(r" && | \(|  +| # | or (?=python)", match)[0] for match in COMMAND.findall(text)
    ]
    return [shlex.split(command) for command in shown if command and command != "VERB"]


def anchor(heading: str) -> str:
    """GitHub's anchor of a heading."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def titles(text: str) -> set[str]:
    """Every anchor of a page."""
    return {
        anchor(line.lstrip("# "))
        for line in FENCED.sub("", text).splitlines()
        if line.startswith("#")
    }


@pytest.mark.parametrize("path", pages(), ids=lambda path: path.name)
def test_to_make_the_tables_anew_changes_nothing(path: Path) -> None:
    assert rewritten(path.read_text()) == path.read_text(), "run `make docs`"


def test_every_part_that_the_code_makes_is_in_the_documentation() -> None:
    marked = {
        name
        for path in pages()
        for name in re.findall(r"<!-- from the code: ([\w ]+) -->", path.read_text())
    }
    assert marked == set(PARTS)


def test_the_glossarys_table_of_states_is_the_cores() -> None:
    events = list(Event)
    shown = {
        row[0]: {event: cell for event, cell in zip(events, row[1:], strict=True) if cell != "·"}
        for row in rows(part("transitions", "glossary.md"))
    }
    assert shown == {
        str(state): {event: str(follower) for event, follower in TRANSITIONS[state].items()}
        for state in State
    }


def test_every_strategy_has_its_row_and_its_section() -> None:
    assert [row[:2] for row in rows(part("strategies", "strategies.md"))] == [
        [row.name, row.summary] for row in STRATEGIES.values()
    ]
    text = page("strategies.md")
    for name in STRATEGIES:
        assert f"$ python deploy.py {name} " in text, f"{name} has no command"


def test_every_verb_is_in_the_operators_table() -> None:
    shown = [row[0].split()[0] for row in rows(part("verbs", "operations.md"))]
    assert shown == list(VERBS)


def test_every_exit_code_is_explained() -> None:
    shown = [int(row[0]) for row in rows(section("operations.md", "Exit codes"))]
    assert shown == [*range(exit_codes.BROKEN + 1), exit_codes.INTERRUPTED]


def test_every_setting_is_in_the_operators_table() -> None:
    assert sorted(row[0] for row in rows(part("settings", "operations.md"))) == sorted(paths())


def test_every_metric_is_in_the_table_with_its_unit() -> None:
    shown = rows(part("metrics", "observability.md"))
    of_router = {row[1]: row[3] for row in shown if row[0] == "router"}
    assert of_router == {metric.name: metric.unit for metric in METRICS}
    of_service = sorted(row[1] for row in shown if row[0] == "service")
    assert of_service == sorted(name for name, *_ in service_families())
    for _, name, _, unit, _, meaning in shown:
        assert unit in name
        assert meaning


def test_every_alert_is_explained() -> None:
    rules = yaml.safe_load((ROOT / "observability" / "rules.yml").read_text())["groups"]
    shipped = [rule["alert"] for group in rules for rule in group["rules"] if "alert" in rule]
    assert [row[0] for row in rows(section("observability.md", "Alerts"))] == shipped


def test_every_environment_variable_is_explained_and_is_read() -> None:
    read = {
        name
        for file in ("router/config.py", "service/config.py", "deployment/workspace/workspace.py")
        for name in READ_BY_CODE.findall((ROOT / file).read_text())
    }
    shown = {row[0] for row in rows(section("operations.md", "Environment variables"))}
    assert shown - {"variable", "---"} == read


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_page_names_only_metrics_settings_and_targets_that_are_there(path: Path) -> None:
    text = path.read_text()
    metrics = set(names()) | {name for name, *_ in service_families()}
    assert (
        set(re.findall(r"\bsluice_[a-z_]+[a-z]\b(?!\.)", text)) - {"sluice_unit", "sluice_onnx"}
        <= metrics
    )
    assert set(
        re.findall(r"`((?:router|delivery|deployment)\.[a-z_]+(?:\.[a-z_]+)?)`", text)
    ) <= set(_settings_tree())
    targets = set(re.findall(r"^([a-z0-9]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"(?:`|\$ )make ([a-z0-9]+)", text)) <= targets


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_command_on_a_page_has_a_verb_and_options_that_are_there(path: Path) -> None:
    for words in commands(path.read_text()):
        verb, *rest = words
        assert verb in VERBS, words
        parameters = VERBS[verb].parameters()
        known = {name for parameter in parameters for name in parameter.names} | {"--help"}
        given = {word for word in rest if word.startswith("-")}
        assert given <= known or verb == "demo", words


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_command_to_be_typed_is_whole(path: Path) -> None:
    for line in path.read_text().splitlines():
        for words in commands(line) if line.startswith("$ ") else []:
            VERBS[words[0]].arguments(words[1:])


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_relative_link_leads_somewhere(path: Path) -> None:
    for link in re.findall(r"\]\(([^)\s]+)\)", FENCED.sub("", path.read_text())):
        if re.match(r"[a-z]+:", link):
            continue
        file, _, heading = link.partition("#")
        target = (path.parent / file).resolve() if file else path
        assert target.exists(), link
        assert not heading or heading in titles(target.read_text()), link


def test_the_sites_navigation_has_every_page_once() -> None:
    navigation = (ROOT / "mkdocs.yml").read_text().split("\nnav:\n")[1]
    listed = re.findall(r"([\w/-]+\.md)$", navigation, re.MULTILINE)
    assert sorted(listed) == sorted(str(path.relative_to(ROOT / "docs")) for path in PAGES)


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_file_of_ours_that_a_page_names_is_there(path: Path) -> None:
    if path.name == "CHANGELOG.md" or path in DECISIONS:
        return

    named = set(SOURCE.findall(FENCED.sub("", path.read_text())))
    assert [name for name in sorted(named) if not (ROOT / name).exists()] == []


def test_the_first_screen_of_the_readme_says_how_to_see_it_and_how_to_test_it() -> None:
    first_screen = "\n".join((ROOT / "README.md").read_text().splitlines()[:20])
    assert "$ make demo" in first_screen
    assert "$ make test" in first_screen


@pytest.mark.parametrize("path", DECISIONS, ids=lambda path: path.name)
def test_a_decision_has_its_four_parts_and_is_listed(path: Path) -> None:
    heads = re.findall(r"^## (.*)$", path.read_text(), re.MULTILINE)
    assert heads == ["Context", "Decision", "Consequences", "What was tried"]
    title = path.read_text().splitlines()[0].removeprefix("# ")
    number, _, name = title.partition(": ")
    assert f"| [{number}]({path.name}) | {name} |" in page("decisions/README.md")
    assert path.name.startswith(number)


def test_the_recipe_that_is_shown_can_be_read_and_has_its_build() -> None:
    blocks = FENCED.findall(page("tutorials/first-release.md"))
    recipe = next(block for block in blocks if "def build()" in block)
    source = "\n".join(recipe.splitlines()[1:-1])
    assert "build" in compile(source, "customers.py", "exec").co_names


def _settings_tree() -> set[str]:
    return {".".join(path.split(".")[:depth]) for path in paths() for depth in (1, 2, 3)}


def test_every_test_that_the_trials_name_is_there():
    named = named_tests((ROOT / "docs" / "trials.md").read_text())
    assert len(named) > 20
    for test in named:
        path, _, function = test.partition("::")
        assert (ROOT / path).is_file(), test
        assert not function or f"def {function}(" in (ROOT / path).read_text(), test
