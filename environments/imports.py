"""Which packages a pickle names, read off its bytes without loading it.

A pickle of protocol 4 writes a module's name as a short string before the name of its class. joblib
puts raw arrays between such strings, so the bytes are searched and not parsed; a string of data may
then look like a module. Therefore only names that an installed package answers to are taken, and
one too many costs a package and no more."""

import ast
import re
import sys
from collections.abc import Iterable, Mapping
from functools import cache
from importlib.metadata import packages_distributions
from itertools import chain

from packaging.utils import canonicalize_name

_SHORT_TEXT = re.compile(rb"\x8c(.)", re.DOTALL)
_OLD_GLOBAL = re.compile(rb"c([A-Za-z_][\w.]*)\n[A-Za-z_][\w.]*\n")
_MODULE = re.compile(r"^[A-Za-z_]\w*(\.[A-Za-z_]\w*)*$", re.ASCII)


def distributions_in(raw: bytes) -> set[str]:
    """Normalised names of the installed distributions whose modules the bytes name."""
    return _distributions(_modules(raw))


def distributions_of_code(sources: Iterable[bytes]) -> set[str]:
    """Normalised names of the installed distributions that Python sources import."""
    trees = map(ast.parse, sources)
    nodes = chain.from_iterable(map(ast.walk, trees))
    return _distributions(chain.from_iterable(map(_imported, nodes)))


def _imported(node: ast.AST) -> list[str]:
    """The modules that one statement imports, but for relative ones."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom) and node.module and not node.level:
        return [node.module]
    return []


def _distributions(modules: Iterable[str]) -> set[str]:
    installed = _by_module(tuple(sys.path))
    distributions: set[str] = set()
    for module in modules:
        distributions.update(installed.get(module.partition(".")[0], ()))
    return set(map(canonicalize_name, distributions))


@cache
def _by_module(_path: tuple[str, ...]) -> Mapping[str, list[str]]:
    # A running interpreter keeps the packages that it has imported: they are read once.
    return packages_distributions()


def _modules(raw: bytes) -> set[str]:
    modules = {match[1].decode() for match in _OLD_GLOBAL.finditer(raw)}
    for match in _SHORT_TEXT.finditer(raw):
        end = match.end() + match[1][0]
        # MEMOIZE follows what is read into a pickle's memo, as the name of a module is.
        if raw[end : end + 1] == b"\x94":
            text = raw[match.end() : end].decode("utf-8", "replace")
            if _MODULE.match(text):
                modules.add(text)

    return modules
