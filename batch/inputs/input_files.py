"""Finds the input files of a run, and where the predictions of each go."""

import glob
import os
from collections.abc import Iterable, Sequence
from itertools import chain
from pathlib import Path

import msgspec

from batch.errors import BatchError

FORMATS = {
    ".parquet": "parquet",
    ".pq": "parquet",
    ".csv": "csv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
}


class InputFile(msgspec.Struct, frozen=True):
    """A file to predict. name: relative to the folder that all inputs share.

    modified_ns, size: by which a changed file is told from the one that was begun.
    """

    path: str
    name: str
    format: str
    size: int
    modified_ns: int


def find_input_files(patterns: Sequence[str]) -> list[InputFile]:
    """The files in order of their names; raises BatchError where there are none or of what kind."""
    matches = chain.from_iterable(map(_matches, patterns))
    paths = sorted(set(map(os.path.abspath, matches)))
    folder = os.path.commonpath(list(map(os.path.dirname, paths)))
    return [_input_file(path, folder) for path in paths]


def _matches(pattern: str) -> Iterable[str]:
    if os.path.isdir(pattern):
        paths = [str(path) for path in Path(pattern).rglob("*") if path.suffix in FORMATS]
    else:
        paths = list(filter(os.path.isfile, glob.glob(pattern, recursive=True)))

    # Names that begin so are a run's own notes, here as in Hadoop and Spark.
    paths = [path for path in paths if not os.path.basename(path).startswith(("_", "."))]
    if paths:
        return paths

    raise BatchError(f"{pattern} matches no file: give a file, a folder, or a glob in quotes")


def _input_file(path: str, folder: str) -> InputFile:
    kind = FORMATS.get(Path(path).suffix.lower())
    if kind is None:
        raise BatchError(
            f"{path} is none of {', '.join(FORMATS)}: convert it, or give another pattern"
        )

    status = os.stat(path)
    name = os.path.relpath(path, folder)
    return InputFile(path, name, kind, status.st_size, status.st_mtime_ns)
