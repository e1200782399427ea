"""The output folder of a comparison."""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa

from batch.compare.unit_tally import UnitTally
from batch.errors import BatchError
from batch.inputs.input_files import InputFile
from batch.inputs.work_units import WorkUnit
from batch.outputs.output_file import SUFFIXES, write_output
from batch.outputs.parts import PartWriter, part_writer, read_part
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
        self.address, self._files, self._parts = folder.address, folder.files, folder.parts

    def earlier(self) -> ComparisonNotes | None:
        """The notes of the comparison that was begun here; raises BatchError if they are none."""
        try:
            return msgspec.json.decode(self._files.read(MANIFEST), type=ComparisonNotes)
        except FileNotFoundError:
            return None
        except (OSError, msgspec.DecodeError) as error:
            raise BatchError(
                f"{self.address}/{MANIFEST} cannot be read ({error}): take another --out"
            ) from error

    def write(self, notes: ComparisonNotes) -> None:
        """Replace the notes, for their user alone: the rows that are furthest apart are in them."""
        with self._files.draft(MANIFEST, 0o600) as draft:
            draft.write_bytes(msgspec.json.format(msgspec.json.encode(notes)) + b"\n")

    def is_done(self) -> bool:
        """Whether the comparison that was begun here succeeded."""
        return self._files.exists(SUCCESS)

    def clear(self) -> None:
        """Remove an earlier comparison; the predictions stay."""
        self._files.remove(SUCCESS)
        for part in (self._files.within(DIFFERENCES), self._parts.folder):
            part.delete()

    def make_parts(self) -> None:
        """Make the folder of parts."""
        self._parts.folder.make()

    def part(
        self, unit: WorkUnit, file_number: int, schema: pa.Schema
    ) -> AbstractContextManager[PartWriter]:
        """The rows of a unit that differ, to be written."""
        return part_writer(self._parts.folder, self._parts.data(unit, file_number), schema)

    def tally(self, unit: WorkUnit, file_number: int) -> UnitTally | None:
        """What a unit added up to that was compared before; None where it was not."""
        name = self._tally(unit, file_number)
        if not self._parts.folder.exists(name):
            return None

        return msgspec.json.decode(self._parts.folder.read(name), type=UnitTally)

    def write_tally(self, unit: WorkUnit, file_number: int, tally: UnitTally) -> None:
        """Written last: with it the unit is complete."""
        with self._parts.folder.draft(self._tally(unit, file_number), 0o600) as draft:
            draft.write_bytes(msgspec.json.encode(tally))

    def put_together(
        self, file_number: int, units: Sequence[WorkUnit], schema: pa.Schema, notes: ComparisonNotes
    ) -> None:
        """The differences of a file, of the parts of its units, which may be none."""
        file = notes.inputs[file_number]
        kind = notes.output_format or file.format
        name = f"{DIFFERENCES}/{Path(file.name).with_suffix(SUFFIXES[kind])}"
        if self._files.exists(name):
            return

        parts = [self._parts.data(unit, file_number) for unit in units]
        batches = chain.from_iterable(map(partial(read_part, self._parts.folder), parts))
        write_output(self._files, name, kind, schema, batches, _metadata(notes))

    def succeed(self, notes: ComparisonNotes) -> None:
        """Mark it as done: the marker comes last."""
        self.write(notes)
        self._parts.folder.delete()
        with self._files.draft(SUCCESS):
            pass

    def _tally(self, unit: WorkUnit, file_number: int) -> str:
        return str(Path(self._parts.data(unit, file_number)).with_suffix(".json"))


def _metadata(notes: ComparisonNotes) -> dict[str, str]:
    return {
        "sluice.model": notes.model,
        "sluice.versions": " ".join(notes.versions),
        "sluice.bundles": " ".join(notes.bundles),
        "sluice.tolerance": str(notes.tolerance),
    }


@contextmanager
def opened_comparison(out: str) -> Iterator[ComparisonFolder]:
    """The folder, for this comparison alone; raises BatchError while another one has it."""
    with opened(out) as folder:
        yield ComparisonFolder(folder)
