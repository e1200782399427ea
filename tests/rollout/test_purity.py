"""The core touches no file, no screen, no clock and no chance; builtins are seen here, imports by
import-linter too.
"""

import ast
from pathlib import Path

import pytest

CORE = Path(__file__).parents[2] / "rollout"
TOUCHING = {
    "open",
    "print",
    "input",
    "breakpoint",
    "exec",
    "eval",
    "compile",
    "__import__",
    "globals",
}
PURE = {
    *(
        "abc",
        "bisect",
        "collections",
        "dataclasses",
        "enum",
        "fractions",
        "functools",
        "hashlib",
        "heapq",
        "json",
    ),
    *("itertools", "math", "operator", "re", "statistics", "string", "types", "typing"),
    *("numpy", "scipy", "rollout"),
}


def impure(source: str) -> list[str]:
    """What a file of the core must not name, in order."""
    impurities: list[str] = []
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Name(id=name) if name in TOUCHING:
                impurities.append(name)
            case ast.Import(names=names):
                impurities += [
                    alias.name for alias in names if alias.name.partition(".")[0] not in PURE
                ]
            case ast.ImportFrom(module=module, level=level) if (
                level or str(module).partition(".")[0] not in PURE
            ):
                impurities.append("." * level + (module or ""))
            case ast.Attribute(
                value=ast.Name(id="np" | "numpy"), attr="random" | "load" | "save" | "fromfile"
            ):
                impurities.append(f"numpy.{node.attr}")
            case _:
                pass

    return impurities


@pytest.mark.parametrize("path", sorted(CORE.rglob("*.py")), ids=lambda path: path.name)
def test_no_file_of_the_core_touches_the_world(path: Path) -> None:
    assert impure(path.read_text(encoding="utf-8")) == []


def test_there_is_a_core_to_look_at() -> None:
    assert {path.stem for path in CORE.rglob("*.py")} >= {
        "version_state",
        "split",
        "strategy",
        "ledger",
        "transitions",
        "decisions",
    }


@pytest.mark.parametrize(
    ("source", "impurities"),
    [
        ("open('x')", ["open"]),
        ("say = print", ["print"]),
        ("def f():\n    return input()", ["input"]),
        ("import os.path", ["os.path"]),
        ("from time import time", ["time"]),
        ("def f():\n    import random", ["random"]),
        ("from . import plan", ["."]),
        ("from datetime import datetime", ["datetime"]),
        ("import numpy as np\nnp.random.default_rng()", ["numpy.random"]),
        (
            "import numpy as np\nfrom scipy.stats import beta\nfrom rollout.state.split import ALL",
            [],
        ),
    ],
)
def test_what_touches_the_world_is_found(source: str, impurities: list[str]) -> None:
    assert impure(source) == impurities
