"""A new target is a folder, a line in the registry and its settings: no other room changes."""

import ast
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import deploy
from rollout import settings
from targets import registry
from targets.base import Target
from targets.registry import open_target
from tests.deployment.project_harness import ProjectHarness
from tests.targets.third_target import ThirdTarget

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("cli", "deployment", "store", "wire", "service", "delivery")
HEROKUS_OWN = {"deployment/commands/rehearse.py", "cli/render/rehearsal.py"}
"""`rehearse` runs the emulator of Heroku, and its report names it."""
Verb = Callable[..., str]


@pytest.fixture
def verb(
    project: ProjectHarness, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Verb]:
    """Runs a verb of deploy.py in this process; returns what it printed."""
    monkeypatch.setitem(registry.TARGETS, "third", "tests.targets.third_target:ThirdTarget")
    monkeypatch.setattr(settings, "TARGETS", (*settings.TARGETS, "third"))
    (project.folder / "deploy.toml").write_text(
        '[deployment]\ntarget = "third"\nready_timeout_s = 120.0\ndrain_timeout_s = 5.0\n'
    )
    for name, value in project.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("DATABASE_URL", raising=False)

    def run(*words: str) -> str:
        code: object = 0
        try:
            deploy.app.call(list(words))()
        except SystemExit as end:
            code = end.code
        answer = capsys.readouterr()
        assert not code, answer
        return answer.out

    yield run
    ThirdTarget(project.workspace()).down()


def test_every_verb_works_with_a_third_target(project: ProjectHarness, verb: Verb) -> None:
    project.deliver("v1")
    project.deliver("v2")
    assert "the stack is up" in verb("up")
    assert "✔ state folder of the third" in verb("lint")

    verb("deploy", "v1")
    verb("promote", "v1")
    verb("deploy", "v2")
    assert set(ThirdTarget.children) == {"router", "third-v1-1", "third-v2-3"}

    status = json.loads(verb("status", "--json").splitlines()[-1])
    assert (status["released"], status["notes"]) == ("v1", [])
    assert [version["process"] for version in status["versions"]] == ["running", "running"]

    found = verb("doctor")
    assert "✔ third third-v1-1: pid " in found
    assert "all is as it should be" in found

    log = project.state / "log" / "third-v2-3.log"
    assert log.exists()
    collected = verb("collect")
    assert "v2: idle for " in collected
    assert "its app third-v2-3 is deleted" in collected
    assert set(ThirdTarget.children) == {"router", "third-v1-1"}
    assert not log.exists()

    assert "everything is down" in verb("down")
    assert ThirdTarget.children == {}


def test_every_target_of_the_settings_is_registered_and_a_target(project: ProjectHarness) -> None:
    assert set(registry.TARGETS) == set(settings.TARGETS)
    for name in registry.TARGETS:
        with open_target(project.workspace(), name=name) as target:
            assert isinstance(target, Target)


def code_names(path: Path) -> Iterator[str]:
    """Names, imports and texts of a module's code, without its docstrings."""
    tree = ast.parse(path.read_text())
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    docstrings = {
        id(parent.body[0].value)
        for parent in ast.walk(tree)
        if isinstance(parent, documented) and isinstance(parent.body[0], ast.Expr)
    }
    for node in ast.walk(tree):
        for field in ("id", "attr", "arg", "name", "module"):
            if isinstance(value := getattr(node, field, None), str):
                yield value
        if isinstance(node, ast.Constant) and id(node) not in docstrings:
            yield str(node.value)


def test_no_room_but_the_targets_names_heroku() -> None:
    modules = [path for room in ROOMS for path in (ROOT / room).rglob("*.py")]
    named = {
        path.relative_to(ROOT).as_posix()
        for path in [ROOT / "deploy.py", *modules]
        if any("heroku" in name.lower() for name in code_names(path))
    }
    assert named <= HEROKUS_OWN
