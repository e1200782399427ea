"""The units of work of a file: what is predicted, kept and resumed as a whole."""

from collections.abc import Iterator

import msgspec

from batch.inputs.input_files import InputFile
from batch.storage.parquet_source import metadata_of

# Small row groups are taken together, so that a unit is worth its files.
UNIT_ROWS = 500_000


class WorkUnit(msgspec.Struct, frozen=True):
    """Some row groups of a Parquet file, or all of another file.

    first_row: its number in the file. rows: None where it is not known before it is read.
    """

    file: InputFile
    number: int
    groups: tuple[int, ...]
    first_row: int
    rows: int | None


def units_of(file: InputFile) -> list[WorkUnit]:
    """The units in order; raises BatchError where the file cannot be read."""
    if file.format != "parquet":
        return [WorkUnit(file, 0, (), 0, None)]

    metadata = metadata_of(file.path)
    sizes = [metadata.row_group(group).num_rows for group in range(metadata.num_row_groups)]
    return list(_grouped(file, sizes))


def _grouped(file: InputFile, sizes: list[int]) -> Iterator[WorkUnit]:
    number, first_row, groups, rows = 0, 0, [], 0
    for group, size in enumerate(sizes):
        groups.append(group)
        rows += size
        if rows >= UNIT_ROWS or group == len(sizes) - 1:
            yield WorkUnit(file, number, tuple(groups), first_row, rows)
            number, first_row, groups, rows = number + 1, first_row + rows, [], 0
