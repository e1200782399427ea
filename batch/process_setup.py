"""Sets up a process that predicts: it keeps memory that it will need again, and does without pandas
where it makes no frames.
"""

import ctypes
import sys
from importlib.machinery import ModuleSpec

import pyarrow as pa

PANDAS = "pandas"
# Of glibc's malloc.h.
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
_KEPT_BYTES, _LARGEST_BYTES = 256 * 1024 * 1024, 32 * 1024 * 1024


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


def keep_freed_memory() -> None:
    """Let the arrays of one chunk take the memory of the one before.

    glibc gives memory of their size back to the kernel at once, which hands it out anew page by
    page: a tenth of all processor time of a light model. Nothing with another C library.
    """
    set_option = getattr(ctypes.CDLL(None), "mallopt", None)
    if set_option is not None:
        set_option(_TRIM_THRESHOLD, _KEPT_BYTES)
        set_option(_MMAP_THRESHOLD, _LARGEST_BYTES)
