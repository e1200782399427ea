"""Counts the assertions of the tests: `python -m scripts.assertions [FOLDER_OR_TREE]`.

FOLDER_OR_TREE: a folder, whose `tests` are counted if it has some, or a git tree such as a commit;
the project's own tests by default. Prints one JSON object.
"""

import ast
import io
import json
import subprocess
import sys
import tarfile
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
RAISES = frozenset({"raises", "warns", "deprecated_call", "fail"})
"""Of pytest; `match=` of one of them is an assertion of its own."""


@dataclass(frozen=True)
class Assertions:
    """asserts: statements; raises: pytest.raises and the like; matches: their `match=`; calls: of
    `assertEqual`, `assert_called_once`, `assert_frame_equal` and the like; total: all of these.
    """

    files: int
    tests: int
    asserts: int
    raises: int
    matches: int
    calls: int
    total: int


def assertions(sources: Iterable[str]) -> Assertions:
    """Count them in Python sources; raises SyntaxError."""
    files = 0
    counts: Counter[str] = Counter()
    for source in sources:
        files += 1
        counts.update(_kinds(ast.parse(source)))

    tests = counts.pop("tests", 0)
    return Assertions(
        files=files,
        tests=tests,
        asserts=counts["asserts"],
        raises=counts["raises"],
        matches=counts["matches"],
        calls=counts["calls"],
        total=counts.total(),
    )


def _kinds(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Assert):
            yield "asserts"
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            if node.name.startswith("test"):
                yield "tests"
        elif isinstance(node, ast.Call):
            yield from _kinds_of_call(node)


def _kinds_of_call(call: ast.Call) -> Iterator[str]:
    function = call.func
    if isinstance(function, ast.Attribute) and _is_pytest(function.value):
        if function.attr in RAISES:
            yield "raises"
            for keyword in call.keywords:
                if keyword.arg == "match":
                    yield "matches"
    elif _name(function).startswith("assert"):
        yield "calls"


def _is_pytest(node: ast.expr) -> bool:
    return isinstance(node, ast.Name) and node.id == "pytest"


def _name(function: ast.expr) -> str:
    if isinstance(function, ast.Attribute):
        return function.attr
    if isinstance(function, ast.Name):
        return function.id
    return ""


def sources_of_folder(folder: Path) -> Iterator[str]:
    """The Python files under the folder's tests, or under the folder itself without any."""
    tests = folder / "tests"
    if not tests.is_dir():
        tests = folder

    for path in sorted(tests.rglob("*.py")):
        yield path.read_text()


def sources_of_tree(tree: str) -> Iterator[str]:
    """The Python files under `tests` of a git tree; raises CalledProcessError if there is none."""
    archive = subprocess.run(
        ["git", "archive", tree, "tests"], cwd=ROOT, check=True, stdout=subprocess.PIPE
    )
    with tarfile.open(fileobj=io.BytesIO(archive.stdout)) as files:
        for member in files:
            content = files.extractfile(member)
            if member.name.endswith(".py") and content is not None:
                yield content.read().decode()


def main() -> None:
    """Print the counts."""
    source = sys.argv[1] if len(sys.argv) > 1 else str(ROOT)
    if Path(source).is_dir():
        counts = assertions(sources_of_folder(Path(source)))
    else:
        counts = assertions(sources_of_tree(source))

    print(json.dumps(asdict(counts)))


if __name__ == "__main__":
    main()
