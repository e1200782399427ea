"""Runs a batch job: checks everything first, predicts what is missing, and puts files together."""

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from operator import attrgetter
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa

from batch.errors import BatchError
from batch.inputs.input_files import InputFile, find_input_files
from batch.inputs.work_units import WorkUnit, units_of
from batch.job import BatchJob
from batch.model import load
from batch.outputs.durable import replaced
from batch.outputs.output_file import SUFFIXES, write_output
from batch.outputs.run_folder import BAD_ROWS, RunFolder, RunNotes, opened
from batch.predict_unit import UnitPredictor, UnitResult, complete, reader_of
from batch.progress import ProgressMeter
from batch.worker_pool import Task, WorkerSettings, in_this_process, results
from wire.version import VERSION

Report = Callable[[msgspec.Struct], None]
Completed = dict[tuple[int, int], UnitResult]


class Started(msgspec.Struct, frozen=True, tag_field="event", tag="started"):
    """The run begins or goes on. rows: None where they are not known before they are read."""

    version: str
    runtime: str
    files: int
    rows: int | None
    resumed_rows: int
    chunk_rows: int
    processes: int


class Ended(msgspec.Struct, frozen=True, tag_field="event", tag="ended"):
    """The end of a run. state: done, failed, or interrupted. detail: why it is not done."""

    state: str
    rows: int
    bad: int
    out: str
    detail: str = ""


class InputPlan(msgspec.Struct, frozen=True):
    """A file with its units. copied: the columns to copy."""

    file: InputFile
    units: list[WorkUnit]
    copied: Any
    output: str
    kind: str


class BatchRun:
    """One run of a job. Belongs to one process, which asks others to predict."""

    def __init__(self, job: BatchJob, report: Report) -> None:
        self.job, self.report = job, report
        self.model = load(job.bundle, job.public_key, job.runtime)
        self.files = list(map(self._plan, find_input_files(job.patterns)))
        self._require_distinct()
        self._stopped = False

    def run(self) -> Ended:
        """Predict what is missing, then put the outputs together; raises BatchError."""
        with opened(Path(self.job.out)) as folder, self._interruptible():
            try:
                notes = folder.begin(self._notes())
                if folder.is_done():
                    return Ended("done", notes.rows or 0, notes.bad_rows or 0, self.job.out)

                return self._go_on(folder, notes)
            except OSError as error:
                raise BatchError(
                    f"{folder.path} cannot be written to ({error.strerror}): make room, then the "
                    f"same command goes on"
                ) from error

    def _go_on(self, folder: RunFolder, notes: RunNotes) -> Ended:
        completed = self._completed(folder)
        meter = ProgressMeter(self._total(), self.report)
        for result in completed.values():
            meter.resumed(result.rows, result.bad)

        self.report(self._started(notes, meter))
        over = False
        for result in self._results(folder, notes, completed):
            completed[result.file_number, result.number] = result
            meter.add(result.rows, result.bad)
            over = self._is_over(meter)
            if over or self._stopped:
                break

        return self._end(folder, notes, completed, over)

    def _end(
        self,
        folder: RunFolder,
        notes: RunNotes,
        completed: Completed,
        over: bool,
    ) -> Ended:
        whole = list(filter(partial(self._is_whole, completed), range(len(self.files))))
        for number in whole:
            self._put_together(folder, notes, number)

        rows = sum(map(attrgetter("rows"), completed.values()))
        bad = sum(map(attrgetter("bad"), completed.values()))
        self._gather_bad_rows(folder, completed)
        if self._stopped and len(whole) < len(self.files):
            return Ended("interrupted", rows, bad, self.job.out, "the same command goes on")

        ended = msgspec.structs.replace(notes, rows=rows, bad_rows=bad, ended=_now())
        detail = self._objection(rows, bad)
        if detail or over:
            folder.write(msgspec.structs.replace(ended, state="failed"))
            return Ended("failed", rows, bad, self.job.out, detail)

        folder.succeed(msgspec.structs.replace(ended, state="done"))
        return Ended("done", rows, bad, self.job.out)

    def _is_whole(self, completed: Completed, number: int) -> bool:
        """Whether all units of a file are predicted."""
        keys = {(number, unit.number) for unit in self.files[number].units}
        return keys <= completed.keys()

    def _objection(self, rows: int, bad: int) -> str:
        """Why a run fails although it came to its end."""
        if not rows:
            return "the files hold no rows"
        if bad == rows:
            return f"all {rows:,} rows are bad"

        if bad > self.job.max_bad * rows:
            return (
                f"{bad:,} of {rows:,} rows are bad ({bad / rows:.2%}), and --max-bad allows "
                f"{self.job.max_bad:.2%}"
            )

        return ""

    def _is_over(self, meter: ProgressMeter) -> bool:
        """Whether more rows are bad than may be of all."""
        return meter.total is not None and meter.bad > self.job.max_bad * meter.total

    def _results(
        self, folder: RunFolder, notes: RunNotes, completed: Completed
    ) -> Iterator[UnitResult]:
        tasks = self._tasks(completed)
        job = self.job
        if job.processes == 1:
            predictor = UnitPredictor(
                self.model, folder.parts, job.keep, notes.chunk_rows, job.bad_row_data
            )
            return in_this_process(predictor, tasks)

        settings = WorkerSettings(
            job.bundle,
            job.public_key,
            job.runtime,
            folder.parts,
            job.keep,
            notes.chunk_rows,
            job.bad_row_data,
        )
        return results(settings, tasks, job.processes)

    def _tasks(self, completed: Completed) -> Iterator[Task]:
        """What is still to be predicted."""
        for number, plan in enumerate(self.files):
            for unit in plan.units:
                if (number, unit.number) not in completed:
                    yield unit, number, plan.copied

    def _completed(self, folder: RunFolder) -> dict[tuple[int, int], UnitResult]:
        """What an earlier run predicted."""
        completed = {}
        for number, plan in enumerate(self.files):
            for unit in plan.units:
                result = complete(folder.parts, unit, number)
                if result is not None:
                    completed[number, unit.number] = result

        return completed

    def _put_together(self, folder: RunFolder, notes: RunNotes, number: int) -> None:
        plan = self.files[number]
        path = folder.path / plan.output
        if path.exists():
            return

        parts = [folder.parts.data(unit, number) for unit in plan.units]
        write_output(path, plan.kind, self._schema(plan), parts, _metadata(notes))

    def _schema(self, plan: InputPlan) -> pa.Schema:
        return pa.schema([*plan.copied, *self.model.answers.schema])

    def _gather_bad_rows(self, folder: RunFolder, completed: Completed) -> None:
        with replaced(folder.path / BAD_ROWS, 0o600) as draft, draft.open("wb") as file:
            for number, plan in enumerate(self.files):
                for unit in plan.units:
                    if (number, unit.number) in completed:
                        file.write(folder.parts.bad(unit, number).read_bytes())

    def _plan(self, file: InputFile) -> InputPlan:
        """Check a file; raises BatchError before any row is predicted."""
        columns = self.model.bundle.manifest.columns
        copied = reader_of(file.format, columns, self.job.keep).check(file.path)
        self._require_other_names(copied)
        kind = self.job.output_format or file.format
        output = str(Path(file.name).with_suffix(SUFFIXES[kind]))
        return InputPlan(file, units_of(file), copied, output, kind)

    def _require_other_names(self, copied: pa.Schema) -> None:
        for name in copied.names:
            if name in self.model.answers.schema.names:
                raise BatchError(
                    f"--keep {name} has the name of a column of predictions: rename it in the input"
                )

    def _require_distinct(self) -> None:
        outputs: dict[str, str] = {}
        for plan in self.files:
            other = outputs.setdefault(plan.output, plan.file.path)
            if other != plan.file.path:
                raise BatchError(
                    f"{other} and {plan.file.path} would both become {plan.output}: predict them "
                    f"into two folders"
                )

    def _total(self) -> int | None:
        total = 0
        for plan in self.files:
            for unit in plan.units:
                if unit.rows is None:
                    return None
                total += unit.rows

        return total

    def _notes(self) -> RunNotes:
        manifest = self.model.bundle.manifest
        return RunNotes(
            model=manifest.model,
            version=manifest.version,
            bundle=self.model.bundle.digest,
            runtime=self.model.model.name,
            sluice=VERSION,
            keep=self.job.keep,
            output_formats=sorted(set(map(attrgetter("kind"), self.files))),
            bad_row_data=self.job.bad_row_data,
            chunk_rows=self.job.chunk_rows or self.model.best_chunk(),
            inputs=list(map(attrgetter("file"), self.files)),
            outputs=list(map(attrgetter("output"), self.files)),
            began=_now(),
        )

    def _started(self, notes: RunNotes, meter: ProgressMeter) -> Started:
        return Started(
            notes.version,
            notes.runtime,
            len(self.files),
            meter.total,
            meter.resumed_rows,
            notes.chunk_rows,
            self.job.processes,
        )

    @contextmanager
    def _interruptible(self) -> Iterator[None]:
        """Ctrl-C ends the run after the unit in hand, a second one at once."""

        def stop(_number: int, _frame: object) -> None:
            if self._stopped:
                os._exit(130)
            self._stopped = True

        interrupted = signal.signal(signal.SIGINT, stop)
        terminated = signal.signal(signal.SIGTERM, stop)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, interrupted)
            signal.signal(signal.SIGTERM, terminated)


def _metadata(notes: RunNotes) -> dict[str, str]:
    return {
        "sluice.model": notes.model,
        "sluice.version": notes.version,
        "sluice.bundle": notes.bundle,
        "sluice.runtime": notes.runtime,
        "sluice.sluice": notes.sluice,
    }


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
