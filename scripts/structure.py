"""The shape of the code in numbers: `python -m scripts.structure [--json] [--folder NAME]`.

Counted over the production rooms: circles of imports between files, files a folder, class names
that stand for two things, lines of a function, functions with paragraphs, ternaries and
comprehensions per thousand lines, long lines, retired words. `--folder NAME` counts one room alone.
The last line is one JSON object.
"""

import ast
import json
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median, quantiles

from scripts.retired_words import hits

ROOT = Path(__file__).parents[1]
ROOMS = (
    *("cli", "rollout", "store", "wire", "router", "service", "batch", "delivery", "deployment"),
    *("export", "targets", "emulator", "environments", "load"),
)
WIDTH = 100
API_RESOURCES = ("targets/heroku/api", "emulator/api")
"""One file a resource of Heroku's API: as many as it has."""
HEROKUS_OWN = ("targets.heroku.", "emulator.")
"""Heroku's nouns stand in its client and in the emulator."""
_COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Structure:
    """What was counted. Of functions: lines of the body without its docstring."""

    files: int
    lines: int
    file_circles: int
    largest_folder: int
    repeated_class_names: int
    function_median: float
    function_p90: float
    paragraphed: float
    ternaries_per_kloc: float
    comprehensions_per_kloc: float
    long_lines: int
    retired_words: int


def structure(root: Path = ROOT, folder: str = "") -> Structure:
    """Count all of it. root: the folder with the rooms; folder: counts this one alone."""
    rooms = (folder.partition("/")[0],) if folder else ROOMS
    sources = {
        module: text
        for module, text in _sources(root, rooms)
        if module.startswith(folder.replace("/", "."))
    }
    trees = {module: ast.parse(text) for module, text in sources.items()}
    lines = sum(text.count("\n") for text in sources.values())
    bodies = [
        length
        for tree in trees.values()
        for function in _functions(tree)
        if (length := _length(function))
    ]
    return Structure(
        files=len(sources),
        lines=lines,
        file_circles=len(circles(imports(trees))),
        largest_folder=max(folders(sources).values()),
        repeated_class_names=len(repeated_classes(trees)),
        function_median=median(bodies),
        function_p90=quantiles(bodies, n=10)[-1],
        paragraphed=round(_paragraphed(sources, trees), 3),
        ternaries_per_kloc=round(1000 * _count(trees, ast.IfExp) / lines, 1),
        comprehensions_per_kloc=round(1000 * _count(trees, *_COMPREHENSIONS) / lines, 1),
        long_lines=sum(
            len(line) > WIDTH for text in sources.values() for line in text.splitlines()
        ),
        retired_words=sum(hit.path.startswith(folder) for hit in hits(root)),
    )


def imports(trees: dict[str, ast.Module]) -> dict[str, set[str]]:
    """Which modules each one imports while it is loaded or when a function is called."""
    return {module: set(_imported(tree, trees)) - {module} for module, tree in trees.items()}


def circles(graph: dict[str, set[str]]) -> list[list[str]]:
    """Groups of modules that reach each other: strongly connected components (Tarjan)."""
    order: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    components: list[list[str]] = []

    def visit(module: str) -> None:
        order[module] = low[module] = len(order)
        stack.append(module)
        for other in sorted(graph[module]):
            if other not in order:
                visit(other)
                low[module] = min(low[module], low[other])
            elif other in stack:
                low[module] = min(low[module], order[other])

        if low[module] == order[module]:
            group = stack[stack.index(module) :]
            del stack[-len(group) :]
            if len(group) > 1:
                components.append(sorted(group))

    for module in sorted(graph):
        if module not in order:
            visit(module)

    return components


def folders(sources: dict[str, str]) -> Counter[str]:
    """Files a folder, but for the resources of an API."""
    parents = (module.rpartition(".")[0].replace(".", "/") for module in sources)
    return Counter(parent for parent in parents if parent not in API_RESOURCES)


def repeated_classes(trees: dict[str, ast.Module]) -> dict[str, list[str]]:
    """Names of public classes that several modules give to something."""
    where: dict[str, list[str]] = {}
    for module, tree in trees.items():
        for node in tree.body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                where.setdefault(node.name, []).append(module)

    repeated: dict[str, list[str]] = {}
    for name, modules in where.items():
        others = [module for module in modules if not module.startswith(HEROKUS_OWN)]
        if len(others) > 1:
            repeated[name] = modules

    return repeated


def _sources(root: Path, rooms: Iterable[str] = ROOMS) -> Iterator[tuple[str, str]]:
    for room in rooms:
        for path in sorted((root / room).rglob("*.py")):
            if path.name not in ("__init__.py", "gunicorn.conf.py"):
                yield ".".join(path.relative_to(root).with_suffix("").parts), path.read_text()


def _imported(tree: ast.Module, known: dict[str, ast.Module]) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            for name in node.names:
                modules = f"{node.module}.{name.name}", node.module
                yield from filter(known.__contains__, modules)
        elif isinstance(node, ast.Import):
            yield from (name.name for name in node.names if name.name in known)


def _functions(tree: ast.Module) -> Iterator[Function]:
    return (node for node in ast.walk(tree) if isinstance(node, Function))


def _body(function: Function) -> list[ast.stmt]:
    if ast.get_docstring(function) is None:
        return function.body
    return function.body[1:]


def _length(function: Function) -> int:
    body = _body(function)
    if not body:
        return 0
    return (body[-1].end_lineno or 0) - body[0].lineno + 1


def _paragraphed(sources: dict[str, str], trees: dict[str, ast.Module]) -> float:
    """The share of functions of five lines or more that have a blank line."""
    long = with_blank = 0
    for module, tree in trees.items():
        lines = sources[module].splitlines()
        for function in _functions(tree):
            if _length(function) >= 5:
                body = _body(function)
                long += 1
                with_blank += any(
                    not line.strip() for line in lines[body[0].lineno : body[-1].end_lineno]
                )

    return with_blank / long


def _count(trees: dict[str, ast.Module], *kinds: type[ast.AST]) -> int:
    return sum(isinstance(node, kinds) for tree in trees.values() for node in ast.walk(tree))


def main() -> None:
    """Print what was counted, and what is behind the first three figures."""
    folder = sys.argv[sys.argv.index("--folder") + 1] if "--folder" in sys.argv else ""
    counts = structure(folder=folder)
    if "--json" not in sys.argv:
        trees = {module: ast.parse(text) for module, text in _sources(ROOT)}
        for circle in circles(imports(trees)):
            print("circle:", " ".join(circle))
        for name, modules in sorted(repeated_classes(trees).items()):
            print(f"class {name}: {' '.join(modules)}")
        for folder, count in folders(trees).most_common(3):
            print(f"folder {folder}: {count} files")

    print(json.dumps(asdict(counts)))


if __name__ == "__main__":
    main()
