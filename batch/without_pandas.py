"""Keeps pandas out of a process that makes no frames."""

import sys
from importlib.machinery import ModuleSpec

import pyarrow as pa

PANDAS = "pandas"


class _Absent:
    """An importer by which pandas does not exist."""

    @staticmethod
    def find_spec(name: str, _path: object = None, _target: object = None) -> ModuleSpec | None:
        if name == PANDAS:
            raise ModuleNotFoundError(name)

        return None


def keep_pandas_out() -> None:
    """Let pyarrow do without pandas for as long as this process lives.

    pyarrow looks for it once, at its first conversion, and the import takes longer than all else of
    a run's start.
    """
    if PANDAS in sys.modules:
        return

    sys.meta_path.insert(0, _Absent)
    try:
        pa.array([0])
    finally:
        sys.meta_path.remove(_Absent)
