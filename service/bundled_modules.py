"""Imports the Python modules that travel in a bundle from its verified bytes, from no folder.

A module `shop.steps` is the bundle's file `code.shop.steps.py`, a package `shop` its
`code.shop.__init__.py`.
"""

import importlib
import sys
from collections.abc import Mapping, Sequence
from importlib.abc import InspectLoader, MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import spec_from_loader
from pathlib import Path
from types import CodeType, ModuleType

PREFIX = "code."
SUFFIX = ".py"
PACKAGE = ".__init__"


def module_file(name: str, package: bool) -> str:
    """The bundle's name for the source of a module."""
    if package:
        name += PACKAGE

    return f"{PREFIX}{name}{SUFFIX}"


def is_module_file(file_name: str) -> bool:
    """Whether a file of a bundle is the source of a module."""
    return file_name.startswith(PREFIX) and file_name.endswith(SUFFIX)


def provide_modules(folder: Path, sources: Mapping[str, bytes]) -> None:
    """Make these modules importable in this process, in place of those of an earlier bundle.

    folder: of the bundle, for tracebacks.
    sources: verified bytes by the bundle's file name; other files are ignored.
    """
    for earlier in list(sys.meta_path):
        if isinstance(earlier, BundledModules):
            sys.meta_path.remove(earlier)
            earlier.forget()

    finder = BundledModules(folder, sources)
    if finder.names:
        finder.forget()
        sys.meta_path.insert(0, finder)
        importlib.invalidate_caches()


class BundledModules(MetaPathFinder, InspectLoader):
    """Finds and loads the modules of one bundle. names: of modules and of their packages."""

    def __init__(self, folder: Path, sources: Mapping[str, bytes]) -> None:
        self._folder = folder
        self._files: dict[str, str] = {}
        self._sources: dict[str, bytes] = {}
        self.names: set[str] = set()
        for file_name in filter(is_module_file, sources):
            name = file_name[len(PREFIX) : -len(SUFFIX)].removesuffix(PACKAGE)
            self._files[name] = file_name
            self._sources[name] = sources[file_name]
            while name:
                self.names.add(name)
                name = name.rpartition(".")[0]

    def forget(self) -> None:
        """Remove what was imported under these names from sys.modules."""
        for name in self.names:
            sys.modules.pop(name, None)

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None = None,  # noqa: ARG002 (Python calls it so)
        target: ModuleType | None = None,  # noqa: ARG002 (as above)
    ) -> ModuleSpec | None:
        """See MetaPathFinder."""
        if fullname not in self.names:
            return None

        if fullname not in self._files:
            # A folder without __init__.py: a namespace with nothing in it but what the bundle has.
            return ModuleSpec(fullname, None, is_package=True)

        spec = spec_from_loader(
            fullname, self, origin=self._origin(fullname), is_package=self.is_package(fullname)
        )
        assert spec is not None
        spec.has_location = True
        return spec

    def is_package(self, fullname: str) -> bool:
        """See InspectLoader."""
        return self._files[fullname].endswith(PACKAGE + SUFFIX)

    def get_source(self, fullname: str) -> str:
        """See InspectLoader."""
        return importlib.util.decode_source(self._sources[fullname])

    def get_code(self, fullname: str) -> CodeType:
        """See InspectLoader."""
        return self.source_to_code(self._sources[fullname], self._origin(fullname))

    def _origin(self, fullname: str) -> str:
        return str(self._folder / self._files[fullname])
