"""Makes the code beside a recipe or a pickle importable, and collects what of it must travel.

A pickle holds the names of classes and functions, not their code. Those of installed packages are
installed where the version runs; those in files beside the recipe go into the bundle, with the
files beside it that they import. Nothing else does: no data, and no module that the pipeline does
not need.
"""

import ast
import copyreg
import importlib
import importlib.util
import io
import pickle
import site
import sys
import sysconfig
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib.abc import MetaPathFinder
from importlib.machinery import SOURCE_SUFFIXES, FileFinder, ModuleSpec, SourceFileLoader
from pathlib import Path
from types import FunctionType
from typing import Any

from delivery.errors import DeliveryError, first_line
from service.bundled_modules import module_file

# Rooms of Sluice that a version's process does not have.
NOT_IN_A_SERVICE = (
    "delivery",
    "deployment",
    "deploy",
    "emulator",
    "export",
    "rollout",
    "router",
    "store",
)
RECIPE = "recipe_"


@contextmanager
def modules_in(folder: Path) -> Iterator[None]:
    """Let a recipe or a pickle import the modules in its folder; installed ones come first.

    At its end those modules are forgotten, so that the next delivery in this process gets its own.
    """
    folder = folder.resolve()
    finder = _FolderFinder(folder)
    before = set(sys.modules)
    importlib.invalidate_caches()
    sys.meta_path.append(finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)
        for name in set(sys.modules) - before:
            if name.startswith(RECIPE) or _is_beside(_file_of(name), folder):
                del sys.modules[name]


class _FolderFinder(MetaPathFinder):
    """Finds top-level modules in one folder; Python itself finds what is inside a package."""

    def __init__(self, folder: Path) -> None:
        self._finder = FileFinder(str(folder), (SourceFileLoader, SOURCE_SUFFIXES))

    def find_spec(
        self,
        fullname: str,
        path: Any = None,
        target: Any = None,  # noqa: ARG002
    ) -> ModuleSpec | None:
        """See MetaPathFinder."""
        if path is None:
            return self._finder.find_spec(fullname)

        return None


def code_of(pipeline: Any, path: Path, folder: Path) -> dict[str, bytes]:
    """The sources that a pickle of this pipeline needs beside it, by the name of the bundle's file.

    path: of the recipe or pickle, for messages. folder: where its modules are.

    Raises DeliveryError for what no pickle can hold: a lambda, a function of a function, a class of
    the recipe itself.
    """
    pickler = _ModuleCollector(path)
    try:
        pickler.dump(pipeline)
    except (DeliveryError, OSError):
        raise
    except Exception as error:
        raise DeliveryError(
            f"the pipeline cannot be pickled: {first_line(error)}{pickler.holder()}"
        ) from error

    return _LocalSources(folder.resolve()).of(pickler.modules)


class _NullFile(io.RawIOBase):
    def write(self, data: Any) -> int:
        # A large array comes as a PickleBuffer, which has no length of its own.
        return memoryview(data).nbytes


class _ModuleCollector(pickle.Pickler):
    """Pickles into nothing and collects the names of all modules that the pickle would name."""

    def __init__(self, path: Path) -> None:
        super().__init__(_NullFile(), protocol=pickle.HIGHEST_PROTOCOL)
        self.modules: set[str] = set()
        self._path, self._last = path, ""

    def reducer_override(self, obj: Any) -> Any:
        """See pickle.Pickler: called for each object that is not of a built-in kind."""
        self.modules.add(str(type(obj).__module__))
        if isinstance(obj, (type, FunctionType)):
            self.modules.add(str(obj.__module__))
            if type(obj) not in copyreg.dispatch_table:
                _require_importable(obj, self._path)
        else:
            self._last = f"{type(obj).__module__}.{type(obj).__qualname__}"

        return NotImplemented

    def holder(self) -> str:
        """The last object in words: it cannot be pickled, or holds what cannot be."""
        if not self._last:
            return ""

        return (
            f" (in {self._last}): keep only what was learned in the pipeline, and open or make the "
            f"rest when it predicts"
        )


def _require_importable(obj: type | FunctionType, path: Path) -> None:
    """Raise DeliveryError unless another module than the recipe has the object under its name."""
    module, qualname = str(obj.__module__), obj.__qualname__
    is_own = module.startswith(RECIPE) or module == "__main__"
    if not is_own and _looked_up(module, qualname) is obj:
        return

    where = _where_defined(obj, path.name if is_own else module)
    if obj.__name__ == "<lambda>":
        what, remedy = f"a lambda ({where})", "write it as a function `def ...`"
    elif "<locals>" in qualname:
        function = qualname.rpartition(".<locals>")[0]
        what = f"{obj.__name__}, which is defined inside {function} ({where})"
        remedy = "define it at the top level"
    elif is_own:
        what, remedy = f"{obj.__name__}, which is defined in {where}", "move it"
    else:
        raise DeliveryError(
            f"the pipeline cannot be pickled: it holds {obj.__name__}, which module {module} does "
            f"not have under that name: import it under the name that it was defined with"
        )

    raise DeliveryError(
        f"the pipeline cannot be pickled: it holds {what}, and a pickle holds names, not code: "
        f"{remedy} in a file beside {path.name}, such as steps.py, and import it from there "
        f"(`from steps import ...`): that file travels with the bundle"
    )


def _where_defined(obj: type | FunctionType, otherwise: str) -> str:
    """File and line of a function; `otherwise` for a class, which does not know them."""
    code = getattr(obj, "__code__", None)
    if code is None:
        return otherwise

    return f"{Path(code.co_filename).name}, line {code.co_firstlineno}"


def _looked_up(module: str, qualname: str) -> Any:
    value: Any = sys.modules.get(module)
    for part in qualname.split("."):
        value = getattr(value, part, None)

    return value


class _LocalSources:
    """The sources below one folder that some modules need."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def of(self, names: set[str]) -> dict[str, bytes]:
        """Sources of the modules and of what they import, by the name of the bundle's file."""
        sources: dict[str, bytes] = {}
        seen: set[str] = set()
        waiting = sorted(names)
        while waiting:
            name = waiting.pop()
            if name in seen or name.startswith(RECIPE):
                continue

            seen.add(name)
            package_around = name.rpartition(".")[0]
            if package_around:
                waiting.append(package_around)

            file = _file_of(name) if _starts_beside(name, self._folder) else None
            if file is None or not _is_beside(file, self._folder):
                continue

            source = self._source(name, file)
            is_package = file.name == "__init__.py"
            sources[module_file(name, is_package)] = source
            waiting += self._imported(name, file, source, is_package)

        return dict(sorted(sources.items()))

    def _source(self, name: str, file: Path) -> bytes:
        if file.suffix not in SOURCE_SUFFIXES:
            raise DeliveryError(
                f"the pipeline needs {name}, whose file {file.name} is compiled: only source "
                f"travels with a bundle, install it as a package"
            )

        return file.read_bytes()

    def _imported(self, name: str, file: Path, source: bytes, is_package: bool) -> set[str]:
        names = _imports(source, name if is_package else name.rpartition(".")[0])
        for imported in sorted(names):
            is_a_room = imported.partition(".")[0] in NOT_IN_A_SERVICE
            if is_a_room and not _starts_beside(imported, self._folder):
                raise DeliveryError(
                    f"the pipeline needs {file.name}, which imports {imported}, and a version's "
                    f"process does not have it: keep the classes and functions of the pipeline in "
                    f"a file without that import"
                )

        return names


def _imports(source: bytes, package: str) -> set[str]:
    """Every name that may be a module in the import statements of a source.

    package: what relative imports start from.
    """
    names: set[str] = set()
    waiting: list[ast.AST] = [ast.parse(source)]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.If) and _is_type_checking(node.test):
            waiting += node.orelse
            continue

        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = _absolute_module(node, package)
            names.add(base)
            names.update(f"{base}.{alias.name}" for alias in node.names)

        waiting += ast.iter_child_nodes(node)

    return names - {""}


def _is_type_checking(test: ast.expr) -> bool:
    return ast.unparse(test).rpartition(".")[2] == "TYPE_CHECKING"


def _absolute_module(node: ast.ImportFrom, package: str) -> str:
    parts: list[str] = []
    if node.level:
        around = package.split(".")
        parts += around[: len(around) - node.level + 1]

    if node.module:
        parts.append(node.module)

    return ".".join(parts)


def _spec_of(name: str) -> ModuleSpec | None:
    """The spec of a module, None for what is none.

    Looking for `a.b` imports `a`, whose own code may raise anything.
    """
    try:
        if name in sys.modules:
            return getattr(sys.modules[name], "__spec__", None)

        return importlib.util.find_spec(name)
    except Exception:  # noqa: BLE001 (as above: then it is no module that could be imported)
        return None


def _file_of(name: str) -> Path | None:
    """The file of a module, imported or not; None for a built-in one and for a namespace."""
    spec = _spec_of(name)
    if spec is not None and spec.has_location and spec.origin:
        return Path(spec.origin).resolve()

    return None


def _starts_beside(name: str, folder: Path) -> bool:
    """Whether the top of a module's name is found beside the recipe, without importing anything."""
    spec = _spec_of(name.partition(".")[0])
    if spec is None:
        return False

    paths = list(spec.submodule_search_locations or [])
    if spec.has_location and spec.origin:
        paths.append(spec.origin)

    return any(_is_beside(Path(path).resolve(), folder) for path in paths)


def _is_beside(file: Path | None, folder: Path) -> bool:
    """Whether a module's file belongs to the recipe.

    At its side or below, and neither in an installation nor in a room of Sluice.
    """
    if file is None or not file.is_relative_to(folder):
        return False

    return not any(map(file.is_relative_to, _installed()))


@cache
def _installed() -> tuple[Path, ...]:
    """Folders and files of Python, of installed packages and of Sluice."""
    paths = sysconfig.get_paths()
    installed = [Path(paths[key]) for key in ("stdlib", "purelib", "platlib")]
    installed.append(Path(site.getusersitepackages()))

    root = Path(__file__).resolve().parents[2]
    installed += map(root.joinpath, (*NOT_IN_A_SERVICE, "deploy.py", "service", "wire"))
    return tuple(map(Path.resolve, installed))
