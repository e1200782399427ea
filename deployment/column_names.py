"""The names of a table's columns: which one is meant, where two are equal, nobody knows."""

from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from deployment.workspace.errors import EdgeFailure


def require_once(path: Path, names: Iterable[str]) -> None:
    """Raise EdgeFailure where a file has several columns of one name. Empty ones are none."""
    for name, count in Counter(filter(None, names)).items():
        if count > 1:
            raise EdgeFailure(
                f"{path} has {count} columns '{name}': leave one of them, or give the others "
                f"another name"
            )
