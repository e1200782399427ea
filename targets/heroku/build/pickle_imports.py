"""Which packages a pickle names, read off its bytes without loading it.

A pickle of protocol 4 writes a module's name as a short string before the name of its class. joblib
puts raw arrays between such strings, so the bytes are searched and not parsed; a string of data may
then look like a module. Therefore only names that an installed package answers to are taken, and
one too many costs a package in the slug and no more."""

import ast
import re
from collections.abc import Iterable
from importlib.metadata import packages_distributions

from packaging.utils import canonicalize_name

_SHORT_TEXT = re.compile(rb"\x8c(.)", re.DOTALL)
_OLD_GLOBAL = re.compile(rb"c([A-Za-z_][\w.]*)\n[A-Za-z_][\w.]*\n")
_MODULE = re.compile(r"^[A-Za-z_]\w*(\.[A-Za-z_]\w*)*$", re.ASCII)


def distributions_in(raw: bytes) -> set[str]:
    """Normalised names of the installed distributions whose modules the bytes name."""
    provided = packages_distributions()
    tops = {module.partition(".")[0] for module in _modules(raw)}
    return {canonicalize_name(name) for top in tops for name in provided.get(top, ())}


def distributions_of_code(sources: Iterable[bytes]) -> set[str]:
    """Normalised names of the installed distributions that Python sources import."""
    provided = packages_distributions()
    tops: set[str] = set()
    for node in (node for source in sources for node in ast.walk(ast.parse(source))):
        if isinstance(node, ast.Import):
            tops |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            tops.add(node.module.partition(".")[0])

    return {canonicalize_name(name) for top in tops for name in provided.get(top, ())}


def _modules(raw: bytes) -> set[str]:
    found = {match[1].decode() for match in _OLD_GLOBAL.finditer(raw)}
    for match in _SHORT_TEXT.finditer(raw):
        end = match.end() + match[1][0]
        # MEMOIZE follows what is read into a pickle's memo, as the name of a module is.
        if raw[end : end + 1] == b"\x94":
            text = raw[match.end() : end].decode("utf-8", "replace")
            if _MODULE.match(text):
                found.add(text)

    return found
