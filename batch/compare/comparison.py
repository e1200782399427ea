"""Compares two versions' runs over the same files, unit by unit, and goes on where it stopped."""

from collections.abc import Callable, Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from itertools import chain
from operator import attrgetter
from pathlib import Path
from typing import Any

import msgspec

from batch.compare.answer_layout import layouts
from batch.compare.compare_unit import ComparedRun, UnitComparer
from batch.compare.comparison_folder import ComparisonFolder, ComparisonNotes, opened_comparison
from batch.compare.finished_run import FinishedRun
from batch.compare.job import ComparedVersion, ComparisonJob
from batch.compare.row_changes import AnswerComparer
from batch.compare.segment_columns import SegmentReader
from batch.compare.unit_tally import UnitTally, total
from batch.errors import BatchError
from batch.inputs.input_files import find_input_files
from batch.inputs.work_units import WorkUnit, units_of
from batch.progress import ProgressMeter
from service.bundle import Bundle, BundleError, Column, verify_bundle

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


class RunComparison:
    """One comparison. Belongs to one process. Raises BatchError."""

    def __init__(self, job: ComparisonJob, report: Report) -> None:
        self.job, self.report = job, report
        versions = (job.today, job.tomorrow)
        self.bundles = list(map(self._bundle, versions))
        self.runs = list(map(FinishedRun, map(attrgetter("predictions"), versions)))
        self.inputs = self.runs[0].notes.inputs
        self._require_same_inputs()
        self.units = list(map(units_of, self.inputs))

    def run(self) -> Compared:
        """Compare what is missing, then put the differences together."""
        with opened_comparison(self.job.out) as folder:
            notes = self._begin(folder)
            if folder.is_done():
                return self._compared(notes)

            try:
                return self._go_on(folder, notes)
            except OSError as error:
                raise BatchError(
                    f"{folder.address} cannot be written to ({error.strerror or error}): make "
                    f"room, then the same command goes on"
                ) from error

    def _go_on(self, folder: ComparisonFolder, notes: ComparisonNotes) -> Compared:
        folder.make_parts()
        tallies = self._completed(folder)
        self.report(self._started(total(tallies.values()).overall.rows))
        meter = ProgressMeter(self.runs[0].notes.rows, self.report)
        for tally in tallies.values():
            meter.resumed(tally.overall.rows, 0)

        comparer = self._comparer(folder)
        for number, unit in self._all_units():
            if (number, unit.number) not in tallies:
                tally = comparer.compare(unit, number)
                tallies[number, unit.number] = tally
                meter.add(tally.overall.rows, 0)

        self._require_same_inputs()
        for number, units in enumerate(self.units):
            folder.put_together(number, units, comparer.schema(number), notes)

        return self._succeed(folder, notes, total(tallies.values()))

    def _succeed(
        self, folder: ComparisonFolder, notes: ComparisonNotes, tally: UnitTally
    ) -> Compared:
        notes = msgspec.structs.replace(
            notes,
            state="done",
            ended=_now(),
            written=tally.written,
            differences=asdict(tally.differences()),
        )
        folder.succeed(notes)
        return self._compared(notes)

    def _begin(self, folder: ComparisonFolder) -> ComparisonNotes:
        """The notes that hold; predictions stay where only what is compared was changed."""
        notes, earlier = self._notes(), folder.earlier()
        if earlier is None:
            folder.write(notes)
            return notes

        if earlier.bundles != notes.bundles or earlier.inputs != notes.inputs:
            raise BatchError(
                f"{folder.address} holds a comparison of {' and '.join(earlier.versions)} over "
                f"other files or bundles: take another folder for --out, or remove this one"
            )

        if earlier.same_output(notes):
            return earlier

        # Of another tolerance: nothing of it may be taken for this one's.
        folder.clear()
        folder.write(notes)
        return notes

    def _comparer(self, folder: ComparisonFolder) -> UnitComparer:
        ours, others = map(layouts, self.bundles)
        today = ComparedRun(self.job.today.name, self.runs[0], ours)
        tomorrow = ComparedRun(self.job.tomorrow.name, self.runs[1], others)
        reader = SegmentReader(self._columns())
        segments = reader.sampled(list(chain.from_iterable(self.units)))
        compared = AnswerComparer(ours, others, self.job.tolerance, self.job.by_largest)
        return UnitComparer(today, tomorrow, compared, segments, reader, folder, self.job.keep)

    def _columns(self) -> list[Column]:
        """The columns that either version takes, each once."""
        columns: dict[str, Column] = {}
        for bundle in self.bundles:
            for column in bundle.manifest.columns:
                columns.setdefault(column.name, column)

        return list(columns.values())

    def _completed(self, folder: ComparisonFolder) -> dict[tuple[int, int], UnitTally]:
        tallies = {}
        for number, unit in self._all_units():
            tally = folder.tally(unit, number)
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
                        f"{file.path} was changed since {run.address} was predicted: take another "
                        f"folder for --out"
                    )

        if self.runs[1].notes.inputs != self.inputs:
            raise BatchError(
                f"{self.runs[0].address} and {self.runs[1].address} are of other files: take "
                f"another folder for --out"
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
            bundles=list(map(attrgetter("digest"), self.bundles)),
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


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
