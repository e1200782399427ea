"""Compares two versions' runs over the same files, unit by unit, and goes on where it stopped."""

import shutil
from collections.abc import Callable, Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from batch.compare.answer_layout import layouts
from batch.compare.compare_unit import ComparedRun, UnitComparer, completed_tally
from batch.compare.finished_run import FinishedRun
from batch.compare.job import ComparedVersion, ComparisonJob
from batch.compare.row_changes import AnswerComparer
from batch.compare.segment_columns import SegmentReader
from batch.compare.unit_tally import UnitTally, total
from batch.errors import BatchError
from batch.inputs.input_files import InputFile, find_input_files
from batch.inputs.work_units import WorkUnit, units_of
from batch.outputs.durable import replaced
from batch.outputs.output_file import SUFFIXES, write_output
from batch.outputs.run_folder import MANIFEST, SUCCESS, RunFolder, opened
from batch.progress import ProgressMeter
from service.bundle import Bundle, BundleError, Column, verify_bundle

DIFFERENCES = "differences"
Report = Callable[[msgspec.Struct], None]


class ComparisonStarted(msgspec.Struct, frozen=True, tag_field="event", tag="comparing"):
    """Both versions have predicted. resumed_rows: compared by an earlier command."""

    today: str
    tomorrow: str
    files: int
    resumed_rows: int


class Compared(msgspec.Struct, frozen=True, tag_field="event", tag="compared"):
    """The end. written: rows that differ. differences: the summary, as Differences has it."""

    today: str
    tomorrow: str
    tolerance: float
    written: int
    differences: dict[str, Any]
    out: str


class ComparisonNotes(msgspec.Struct, frozen=True, kw_only=True):
    """_sluice.json of a comparison. made_of: what decides its output."""

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


class Comparison:
    """One comparison. Belongs to one process. Raises BatchError."""

    def __init__(self, job: ComparisonJob, report: Report) -> None:
        self.job, self.report = job, report
        versions = (job.today, job.tomorrow)
        self.bundles = [self._bundle(version) for version in versions]
        self.runs = [FinishedRun(Path(version.predictions)) for version in versions]
        self.inputs = self.runs[0].notes.inputs
        self._require_same_inputs()
        self.units = list(map(units_of, self.inputs))

    def run(self) -> Compared:
        """Compare what is missing, then put the differences together."""
        with opened(Path(self.job.out)) as folder:
            notes = self._begin(folder)
            if (folder.path / SUCCESS).exists():
                return self._compared(notes)

            try:
                return self._go_on(folder, notes)
            except OSError as error:
                raise BatchError(
                    f"{folder.path} cannot be written to ({error.strerror}): make room, then the "
                    f"same command goes on"
                ) from error

    def _go_on(self, folder: RunFolder, notes: ComparisonNotes) -> Compared:
        folder.parts.folder.mkdir(mode=0o700, exist_ok=True)
        tallies = self._completed(folder)
        self.report(self._started(sum(tally.overall.rows for tally in tallies.values())))
        meter = ProgressMeter(self.runs[0].notes.rows, self.report)
        for tally in tallies.values():
            meter.resumed(tally.overall.rows, 0)

        comparer = self._comparer(folder)
        for number, unit in self._all_units():
            if (number, unit.number) not in tallies:
                tally = comparer.compare(unit, number)
                tallies[number, unit.number] = tally
                meter.add(tally.overall.rows, 0)

        for number in range(len(self.inputs)):
            self._put_together(folder, comparer, notes, number)

        return self._succeed(folder, notes, total(tallies.values()))

    def _succeed(self, folder: RunFolder, notes: ComparisonNotes, tally: UnitTally) -> Compared:
        notes = msgspec.structs.replace(
            notes,
            state="done",
            ended=_now(),
            written=tally.written,
            differences=asdict(tally.differences()),
        )
        _write(folder, notes)
        shutil.rmtree(folder.parts.folder, ignore_errors=True)
        with replaced(folder.path / SUCCESS):
            pass

        return self._compared(notes)

    def _begin(self, folder: RunFolder) -> ComparisonNotes:
        """The notes that hold; predictions stay where only what is compared was changed."""
        notes, earlier = self._notes(), _earlier(folder)
        if earlier is None:
            _write(folder, notes)
            return notes

        if earlier.bundles != notes.bundles or earlier.inputs != notes.inputs:
            raise BatchError(
                f"{folder.path} holds a comparison of {' and '.join(earlier.versions)} over other "
                f"files or bundles: take another folder for --out, or remove this one"
            )

        if earlier.same_output(notes):
            return earlier

        # Of another tolerance: nothing of it may be taken for this one's.
        (folder.path / SUCCESS).unlink(missing_ok=True)
        for part in (folder.path / DIFFERENCES, folder.parts.folder):
            shutil.rmtree(part, ignore_errors=True)

        _write(folder, notes)
        return notes

    def _comparer(self, folder: RunFolder) -> UnitComparer:
        ours, others = map(layouts, self.bundles)
        today = ComparedRun(self.job.today.name, self.runs[0], ours)
        tomorrow = ComparedRun(self.job.tomorrow.name, self.runs[1], others)
        reader = SegmentReader(self._columns())
        segments = reader.sampled([unit for units in self.units for unit in units])
        compared = AnswerComparer(ours, others, self.job.tolerance, self.job.by_largest)
        return UnitComparer(
            today, tomorrow, compared, segments, reader, folder.parts, self.job.keep
        )

    def _columns(self) -> list[Column]:
        """The columns that either version takes, each once."""
        columns: dict[str, Column] = {}
        for bundle in self.bundles:
            for column in bundle.manifest.columns:
                columns.setdefault(column.name, column)

        return list(columns.values())

    def _put_together(
        self, folder: RunFolder, comparer: UnitComparer, notes: ComparisonNotes, number: int
    ) -> None:
        file = self.inputs[number]
        kind = self.job.output_format or file.format
        path = folder.path / DIFFERENCES / Path(file.name).with_suffix(SUFFIXES[kind])
        if not path.exists():
            parts = [folder.parts.data(unit, number) for unit in self.units[number]]
            write_output(path, kind, comparer.schema(number), parts, _metadata(notes))

    def _completed(self, folder: RunFolder) -> dict[tuple[int, int], UnitTally]:
        tallies = {}
        for number, unit in self._all_units():
            tally = completed_tally(folder.parts, unit, number)
            if tally is not None:
                tallies[number, unit.number] = tally

        return tallies

    def _all_units(self) -> Iterator[tuple[int, WorkUnit]]:
        for number, units in enumerate(self.units):
            for unit in units:
                yield number, unit

    def _require_same_inputs(self) -> None:
        """Raise BatchError where a file was changed between the two runs, or since."""
        now = {file.path: file for file in find_input_files([file.path for file in self.inputs])}
        for run in self.runs:
            for file in run.notes.inputs:
                known = msgspec.structs.replace(now[file.path], name=file.name)
                if known != file:
                    raise BatchError(
                        f"{file.path} was changed since {run.folder} was predicted: take another "
                        f"folder for --out"
                    )

        if self.runs[1].notes.inputs != self.inputs:
            raise BatchError(
                f"{self.runs[0].folder} and {self.runs[1].folder} are of other files: take another "
                f"folder for --out"
            )

    def _bundle(self, version: ComparedVersion) -> Bundle:
        try:
            return verify_bundle(Path(version.bundle), Path(self.job.public_key))
        except BundleError as error:
            raise BatchError(str(error)) from error

    def _notes(self) -> ComparisonNotes:
        return ComparisonNotes(
            model=self.bundles[0].manifest.model,
            versions=[self.job.today.name, self.job.tomorrow.name],
            bundles=[bundle.digest for bundle in self.bundles],
            tolerance=self.job.tolerance,
            keep=self.job.keep,
            output_format=self.job.output_format,
            inputs=self.inputs,
            began=_now(),
        )

    def _started(self, resumed: int) -> ComparisonStarted:
        return ComparisonStarted(
            self.job.today.name, self.job.tomorrow.name, len(self.inputs), resumed
        )

    def _compared(self, notes: ComparisonNotes) -> Compared:
        return Compared(
            self.job.today.name,
            self.job.tomorrow.name,
            notes.tolerance,
            notes.written,
            notes.differences,
            self.job.out,
        )


def _earlier(folder: RunFolder) -> ComparisonNotes | None:
    path = folder.path / MANIFEST
    try:
        return msgspec.json.decode(path.read_bytes(), type=ComparisonNotes)
    except FileNotFoundError:
        return None
    except (OSError, msgspec.DecodeError) as error:
        raise BatchError(
            f"{path} cannot be read ({error}): take another folder for --out"
        ) from error


def _write(folder: RunFolder, notes: ComparisonNotes) -> None:
    # The rows that are furthest apart are in it.
    with replaced(folder.path / MANIFEST, 0o600) as draft:
        draft.write_bytes(msgspec.json.format(msgspec.json.encode(notes)) + b"\n")


def _metadata(notes: ComparisonNotes) -> dict[str, str]:
    return {
        "sluice.model": notes.model,
        "sluice.versions": " ".join(notes.versions),
        "sluice.bundles": " ".join(notes.bundles),
        "sluice.tolerance": str(notes.tolerance),
    }


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
