"""The shape of the code stays within its bounds, and the script that counts it counts right."""

import ast
from pathlib import Path

import pytest

from scripts.assertions import Assertions, assertions, sources_of_folder
from scripts.retired_words import hits
from scripts.structure import ROOT, circles, structure

DEPLOY = ast.parse((ROOT / "deploy.py").read_text())
USE_CASES = ast.parse((ROOT / "deployment" / "commands" / "verbs.py").read_text())


def test_the_code_is_within_its_bounds():
    counts = structure()
    assert counts.file_circles == 0
    assert counts.retired_words == 0, list(hits())
    assert counts.ternaries_per_kloc <= 10
    assert counts.comprehensions_per_kloc <= 13
    assert counts.largest_folder <= 15
    assert counts.repeated_class_names == 0
    assert counts.function_median <= 7
    assert counts.function_p90 <= 20
    assert counts.paragraphed >= 0.3
    assert counts.long_lines == 0


def test_circles_are_found_whatever_their_length():
    graph = {"a": {"b"}, "b": {"c"}, "c": {"a", "d"}, "d": set(), "e": {"f"}, "f": {"e"}}
    assert circles(graph) == [["a", "b", "c"], ["e", "f"]]


def test_what_is_counted(tmp_path: Path):
    for room in ("cli", "rollout"):
        (tmp_path / room).mkdir()

    (tmp_path / "cli" / "one.py").write_text(
        "from rollout import two\n\n\nclass Name:\n    pass\n\n\n"
        "def f(x):\n    y = 1 if x else 2\n\n    z = [y]\n"
        "    for _ in z:\n        pass\n    return z\n"
    )
    (tmp_path / "rollout" / "two.py").write_text(
        "import cli.one\n\n\nclass Name:\n    pass\n\n\ndef g(x):\n    return {y for y in x}\n"
    )
    counts = structure(tmp_path)
    assert (counts.files, counts.file_circles, counts.largest_folder) == (2, 1, 1)
    assert (counts.repeated_class_names, counts.paragraphed) == (1, 1.0)
    assert (counts.function_median, counts.long_lines) == (3.5, 0)
    assert round(counts.ternaries_per_kloc * counts.lines / 1000) == 1
    assert round(counts.comprehensions_per_kloc * counts.lines / 1000) == 1


def test_deploy_py_names_every_acting_use_case_and_looks_none_up():
    acts = {
        node.name
        for node in USE_CASES.body
        if isinstance(node, ast.FunctionDef)
        and isinstance(node.returns, ast.Name)
        and node.returns.id == "Act"
    }
    named = {
        node.attr
        for node in ast.walk(DEPLOY)
        if isinstance(node, ast.Attribute) and ast.unparse(node.value) == "verbs"
    }
    # The strategies begin through one function, which is no verb.
    assert named == acts - {"start"}
    names = {node.id for node in ast.walk(DEPLOY) if isinstance(node, ast.Name)}
    assert not names & {"getattr", "setattr", "vars", "globals"}


@pytest.mark.parametrize(
    ("source", "counts"),
    [
        ("def test_a():\n    assert 1\n    assert 2", Assertions(1, 1, 2, 0, 0, 0, 2)),
        ("def helper():\n    assert 1", Assertions(1, 0, 1, 0, 0, 0, 1)),
        ("with pytest.raises(E):\n    f()", Assertions(1, 0, 0, 1, 0, 0, 1)),
        ("with pytest.raises(E, match='x'):\n    f()", Assertions(1, 0, 0, 1, 1, 0, 2)),
        ("self.assertEqual(1, 2)\nassert_allclose(a, b)", Assertions(1, 0, 0, 0, 0, 2, 2)),
        ("re.match(a, b)\nother.raises(E)", Assertions(1, 0, 0, 0, 0, 0, 0)),
    ],
)
def test_an_assertion_is_counted_by_its_kind(source: str, counts: Assertions):
    assert assertions([source]) == counts


def test_the_tests_of_a_project_are_counted_without_its_other_files(tmp_path: Path):
    (tmp_path / "tests" / "room").mkdir(parents=True)
    (tmp_path / "tests" / "room" / "test_it.py").write_text("assert 1\n")
    (tmp_path / "code.py").write_text("assert 1\n")
    assert assertions(sources_of_folder(tmp_path)).total == 1
    (tmp_path / "tests" / "room" / "test_it.py").rename(tmp_path / "test_it.py")
    assert assertions(sources_of_folder(tmp_path / "tests")).total == 0


ROOMS = sorted(path.parent.name for path in ROOT.glob("*/__init__.py"))


def own_imports():
    """(file, module) of each import of a module of ours, also within functions."""
    for path in [ROOT / "deploy.py", *(file for room in ROOMS for file in _sources(room))]:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            modules = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and node.module:
                modules = [node.module]

            for module in modules:
                if module.partition(".")[0] in ROOMS:
                    yield path.relative_to(ROOT), module


def _sources(room):
    return (ROOT / room).rglob("*.py")


def test_every_module_of_ours_that_is_imported_exists():
    missing = []
    for path, module in own_imports():
        file = ROOT / module.replace(".", "/")
        if not (file.is_dir() or file.with_suffix(".py").exists()):
            missing.append((str(path), module))

    assert missing == []
