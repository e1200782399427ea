"""The output folder of a comparison: the only file of it that knows how files are stored."""

import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa

from batch.compare.unit_tally import UnitTally
from batch.errors import BatchError
from batch.inputs.input_files import InputFile
from batch.inputs.work_units import WorkUnit
from batch.outputs.durable import replaced
from batch.outputs.output_file import SUFFIXES, write_output
from batch.outputs.parts import PartWriter, part_writer
from batch.outputs.run_folder import MANIFEST, SUCCESS, RunFolder, opened

DIFFERENCES = "differences"


class ComparisonNotes(msgspec.Struct, frozen=True, kw_only=True):
    """_sluice.json of a comparison."""

    format: int = 1
    state: str = "comparing"
    model: str
    versions: list[str]
    bundles: list[str]
    tolerance: float
    keep: list[str]
    output_format: str | None
    inputs: list[InputFile]
    began: str
    ended: str | None = None
    written: int = 0
    differences: dict[str, Any] = {}

    def same_output(self, other: "ComparisonNotes") -> bool:
        """Whether both decide the same output."""
        names = ("bundles", "tolerance", "keep", "output_format", "inputs")
        return all(getattr(self, name) == getattr(other, name) for name in names)


class ComparisonFolder:
    """One comparison's folder. Held by its lock."""

    def __init__(self, folder: RunFolder) -> None:
        self.path, self._parts = folder.path, folder.parts

    def earlier(self) -> ComparisonNotes | None:
        """The notes of the comparison that was begun here; raises BatchError if they are none."""
        path = self.path / MANIFEST
        try:
            return msgspec.json.decode(path.read_bytes(), type=ComparisonNotes)
        except FileNotFoundError:
            return None
        except (OSError, msgspec.DecodeError) as error:
            raise BatchError(f"{path} cannot be read ({error}): take another --out") from error

    def write(self, notes: ComparisonNotes) -> None:
        """Replace the notes, for their user alone: the rows that are furthest apart are in them."""
        with replaced(self.path / MANIFEST, 0o600) as draft:
            draft.write_bytes(msgspec.json.format(msgspec.json.encode(notes)) + b"\n")

    def is_done(self) -> bool:
        """Whether the comparison that was begun here succeeded."""
        return (self.path / SUCCESS).exists()

    def clear(self) -> None:
        """Remove an earlier comparison; the predictions stay."""
        (self.path / SUCCESS).unlink(missing_ok=True)
        for part in (self.path / DIFFERENCES, self._parts.folder):
            shutil.rmtree(part, ignore_errors=True)

    def make_parts(self) -> None:
        """Make the folder of parts."""
        self._parts.folder.mkdir(mode=0o700, exist_ok=True)

    def part(
        self, unit: WorkUnit, file_number: int, schema: pa.Schema
    ) -> AbstractContextManager[PartWriter]:
        """The rows of a unit that differ, to be written."""
        return part_writer(self._parts.data(unit, file_number), schema)

    def tally(self, unit: WorkUnit, file_number: int) -> UnitTally | None:
        """What a unit added up to that was compared before; None where it was not."""
        path = self._tally(unit, file_number)
        if not path.exists():
            return None

        return msgspec.json.decode(path.read_bytes(), type=UnitTally)

    def write_tally(self, unit: WorkUnit, file_number: int, tally: UnitTally) -> None:
        """Written last: with it the unit is complete."""
        with replaced(self._tally(unit, file_number), 0o600) as draft:
            draft.write_bytes(msgspec.json.encode(tally))

    def put_together(
        self, file_number: int, kind: str, units: Sequence[WorkUnit], notes: Mapping[str, str]
    ) -> None:
        """The differences of a file, of its parts. notes: into Parquet's metadata."""
        path = self.path / DIFFERENCES / Path(units[0].file.name).with_suffix(SUFFIXES[kind])
        if path.exists():
            return

        parts = [self._parts.data(unit, file_number) for unit in units]
        with pa.memory_map(str(parts[0])) as first:
            schema = pa.ipc.open_file(first).schema

        write_output(path, kind, schema, parts, notes)

    def succeed(self, notes: ComparisonNotes) -> None:
        """Mark it as done: the marker comes last."""
        self.write(notes)
        shutil.rmtree(self._parts.folder, ignore_errors=True)
        with replaced(self.path / SUCCESS):
            pass

    def _tally(self, unit: WorkUnit, file_number: int) -> Path:
        return self._parts.data(unit, file_number).with_suffix(".json")


@contextmanager
def opened_comparison(out: str) -> Iterator[ComparisonFolder]:
    """The folder, for this comparison alone; raises BatchError while another one has it."""
    with opened(Path(out)) as folder:
        yield ComparisonFolder(folder)
