"""The code beside a recipe or a pickle: importable while it is delivered, and what of it has to
travel.

A pickle holds the names of classes and functions, not their code. Those of installed packages are
installed where the version runs; those in files beside the recipe go into the bundle, with the
files beside it that they import. Nothing else does: no data, and no module that the pipeline does
not need."""

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
NOT_IN_A_SERVICE = ("delivery", "deployment", "deploy", "emulator", "rollout", "router", "store")
RECIPE = "recipe_"


@contextmanager
def modules_beside(path: Path) -> Iterator[None]:
    """Let the recipe or pickle at `path` import the files beside it, after everything that is
    installed.

    At its end those modules are forgotten, so that the next delivery in this process gets its own.
    """
    folder = path.resolve().parent
    finder = _Beside(folder)
    before = set(sys.modules)
    importlib.invalidate_caches()
    sys.meta_path.append(finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)
        for name in [name for name in sys.modules if name not in before]:
            if name.startswith(RECIPE) or _is_beside(_file_of(name), folder):
                del sys.modules[name]


class _Beside(MetaPathFinder):
    """Finds top-level modules in one folder; what is inside a package is found by Python itself."""

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


def code_of(pipeline: Any, path: Path) -> dict[str, bytes]:
    """The sources that a pickle of this pipeline needs beside it, by the name of the bundle's file.

    Raises DeliveryError for what no pickle can hold: a lambda, a function of a function, a class of
    the recipe itself."""
    named = _Named(path)
    try:
        named.dump(pipeline)
    except (DeliveryError, OSError):
        raise
    except Exception as error:
        raise DeliveryError(
            f"the pipeline cannot be pickled: {first_line(error)}{named.holder()}"
        ) from error

    return _Closure(path.resolve().parent).of(named.modules)


class _Nowhere(io.RawIOBase):
    def write(self, data: Any) -> int:
        # A large array comes as a PickleBuffer, which has no length of its own.
        return memoryview(data).nbytes


class _Named(pickle.Pickler):
    """Pickles into nowhere and keeps the names of all modules that the pickle would name."""

    def __init__(self, path: Path) -> None:
        super().__init__(_Nowhere(), protocol=pickle.HIGHEST_PROTOCOL)
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
        """The object that was looked at last, which holds what cannot be pickled or is it."""
        if self._last:
            return (
                f" (in {self._last}): keep only what was learnt in the pipeline, "
                "and open or make the rest when it predicts"
            )
        return ""


def _require_importable(obj: type | FunctionType, path: Path) -> None:
    """Raise DeliveryError unless the object is found under its own name in a module other than the
    recipe.
    """
    module, qualname = str(obj.__module__), obj.__qualname__
    own = module.startswith(RECIPE) or module == "__main__"
    if not own and _looked_up(module, qualname) is obj:
        return

    code = getattr(obj, "__code__", None)
    line = f", line {code.co_firstlineno}" if code is not None else ""
    where = (
        f"{Path(code.co_filename).name}{line}" if code is not None else path.name if own else module
    )
    if obj.__name__ == "<lambda>":
        what, write = f"a lambda ({where})", "write it as a function `def ...`"
    elif "<locals>" in qualname:
        what = (
            f"{obj.__name__}, which is defined inside {qualname.rpartition('.<locals>')[0]} "
            f"({where})"
        )
        write = "define it at the top level"
    elif own:
        what, write = f"{obj.__name__}, which is defined in {where}", "move it"
    else:
        raise DeliveryError(
            f"the pipeline cannot be pickled: it holds {obj.__name__}, which module {module} does "
            f"not have under "
            "that name: import it under the name that it was defined with"
        )

    raise DeliveryError(
        f"the pipeline cannot be pickled: it holds {what}, and a pickle holds names, not code: "
        f"{write} in a file "
        f"beside {path.name}, such as steps.py, and import it from there (`from steps import "
        f"...`): that file travels "
        "with the bundle"
    )


def _looked_up(module: str, qualname: str) -> Any:
    found: Any = sys.modules.get(module)
    for part in qualname.split("."):
        found = getattr(found, part, None)
    return found


class _Closure:
    """All modules below one folder that some modules need."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def of(self, names: set[str]) -> dict[str, bytes]:
        """Their sources and those of the modules that they import, by the name of the bundle's
        file.
        """
        sources: dict[str, bytes] = {}
        seen: set[str] = set()
        waiting = sorted(names)
        while waiting:
            name = waiting.pop()
            if name in seen or name.startswith(RECIPE):
                continue
            seen.add(name)
            waiting += [name.rpartition(".")[0]] if "." in name else []
            file = _file_of(name) if _starts_beside(name, self._folder) else None
            if file is None or not _is_beside(file, self._folder):
                continue
            source = self._source(name, file)
            package = file.name == "__init__.py"
            sources[module_file(name, package)] = source
            waiting += self._imported(name, file, source, package)

        return dict(sorted(sources.items()))

    def _source(self, name: str, file: Path) -> bytes:
        if file.suffix not in SOURCE_SUFFIXES:
            raise DeliveryError(
                f"the pipeline needs {name}, whose file {file.name} is compiled: only source "
                f"travels with a bundle, "
                "install it as a package"
            )

        return file.read_bytes()

    def _imported(self, name: str, file: Path, source: bytes, package: bool) -> set[str]:
        names = _imports(source, name if package else name.rpartition(".")[0])
        for each in sorted(names):
            if each.partition(".")[0] in NOT_IN_A_SERVICE and not _starts_beside(
                each, self._folder
            ):
                raise DeliveryError(
                    f"the pipeline needs {file.name}, which imports {each}, and a version's "
                    f"process does not have it: "
                    "keep the classes and functions of the pipeline in a file without that import"
                )

        return names


def _imports(source: bytes, package: str) -> set[str]:
    """Every name that may be a module in the import statements of a source; package: for relative
    ones.
    """
    found: set[str] = set()
    waiting: list[ast.AST] = [ast.parse(source)]
    while waiting:
        node = waiting.pop()
        if (
            isinstance(node, ast.If)
            and ast.unparse(node.test).rpartition(".")[2] == "TYPE_CHECKING"
        ):
            waiting += node.orelse
            continue
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            around = (
                package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            )
            base = ".".join([*around, *([node.module] if node.module else [])])
            found |= {base, *(f"{base}.{alias.name}" for alias in node.names)}
        waiting += ast.iter_child_nodes(node)

    return found - {""}


def _spec_of(name: str) -> ModuleSpec | None:
    """Where a module is found; looking for `a.b` imports `a`, whose own code may raise anything."""
    try:
        if name in sys.modules:
            return getattr(sys.modules[name], "__spec__", None)
        return importlib.util.find_spec(name)
    except Exception:  # noqa: BLE001 (as above: then it is no module that could be imported)
        return None


def _file_of(name: str) -> Path | None:
    """The file of a module, imported or not; None for a built-in one, a namespace, and what is no
    module.
    """
    spec = _spec_of(name)
    if spec is not None and spec.has_location and spec.origin:
        return Path(spec.origin).resolve()
    return None


def _starts_beside(name: str, folder: Path) -> bool:
    """Whether the top of a module's name is found beside the recipe, without importing anything."""
    spec = _spec_of(name.partition(".")[0])
    places = list(spec.submodule_search_locations or []) if spec is not None else []
    places += [spec.origin] if spec is not None and spec.has_location and spec.origin else []
    return any(_is_beside(Path(place).resolve(), folder) for place in places)


def _is_beside(file: Path | None, folder: Path) -> bool:
    """Whether a module's file belongs to the recipe: at its side or below, and of no installation
    or room of Sluice.
    """
    if file is None or not file.is_relative_to(folder):
        return False
    return not any(file.is_relative_to(place) for place in _installed())


@cache
def _installed() -> tuple[Path, ...]:
    paths = sysconfig.get_paths()
    here = Path(__file__).resolve().parents[2]
    places = [Path(paths[key]) for key in ("stdlib", "purelib", "platlib")]
    rooms = [here / room for room in (*NOT_IN_A_SERVICE, "deploy.py", "service", "wire")]
    return tuple(place.resolve() for place in (*places, Path(site.getusersitepackages()), *rooms))
