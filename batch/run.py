"""Runs a batch job: checks everything first, predicts what is missing, and puts files together."""

import os
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from functools import partial
from itertools import chain
from operator import attrgetter
from pathlib import Path
from types import ModuleType
from typing import Any

import msgspec
import pyarrow as pa

from batch.errors import BatchError
from batch.inputs.input_files import InputFile, find_input_files
from batch.inputs.work_units import WorkUnit, units_of
from batch.job import BatchJob
from batch.model import load
from batch.outputs.output_assembly import OutputAssembly
from batch.outputs.output_file import SUFFIXES, require_form, write_output
from batch.outputs.parts import read_part
from batch.outputs.run_folder import BAD_ROWS, MANIFEST, RunFolder, RunNotes, opened
from batch.outputs.stored_folder import folder_at
from batch.predict_unit import Task, UnitResult, complete, reader_of
from batch.process_setup import keep_pandas_out
from batch.progress import ProgressMeter
from batch.unit_engine import UnitEngine, WorkerSettings
from batch.worker_pool import OneProcess, ProcessPool, prepare_processes
from wire.version import VERSION

DASK = "dask"
SHOWN = 5
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
    engine: str


class RunNote(msgspec.Struct, frozen=True, tag_field="event", tag="note"):
    """Something that a reader should know, and that does not stop the run."""

    detail: str


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
        if job.engine == DASK and job.scheduler is not None:
            _dask().require_listener(job.scheduler)

        if job.engine != DASK and job.processes > 1:
            prepare_processes()

        self.model = load(job.bundle, job.public_key, job.runtime)
        if not self.model.takes_frames:
            keep_pandas_out()

        # What this run wrote already is no input of it, although it may lie within their folder.
        begun = folder_at(job.out).exists(MANIFEST)
        files = find_input_files(job.patterns, job.out if begun else None)
        self.files = list(map(self._plan, files))
        self._require_distinct()
        self._stopped = False

    def run(self) -> Ended:
        """Predict what is missing, then put the outputs together; raises BatchError."""
        with opened(self.job.out) as folder, self._interruptible():
            try:
                notes = folder.begin(self._notes())
                if folder.is_done():
                    return Ended("done", notes.rows or 0, notes.bad_rows or 0, self.job.out)

                return self._go_on(folder, notes)
            except OSError as error:
                raise BatchError(
                    f"{folder.address} cannot be written to ({error.strerror or error}): make "
                    f"room, then the same command goes on"
                ) from error

    def _go_on(self, folder: RunFolder, notes: RunNotes) -> Ended:
        completed = self._completed(folder)
        meter = ProgressMeter(self._total(), self.report)
        for result in completed.values():
            meter.resumed(result.rows, result.bad)

        with self._assembly(folder, notes, completed) as outputs:
            with self._engine(folder, notes) as engine:
                self.report(self._started(notes, meter, engine.workers))
                over = self._predict(engine, completed, outputs, meter)

            outputs.finish()

        return self._end(folder, notes, completed, over)

    def _predict(
        self,
        engine: UnitEngine,
        completed: Completed,
        outputs: OutputAssembly,
        meter: ProgressMeter,
    ) -> bool:
        """Predict what is missing; returns whether too many rows are bad."""
        with closing(engine.results(self._tasks(completed))) as results:
            for result in results:
                key = (result.file_number, result.number)
                completed[key] = result
                outputs.add(key)
                meter.add(result.rows, result.bad)
                if self._is_over(meter):
                    return True
                if self._stopped:
                    return False

        return False

    def _end(
        self,
        folder: RunFolder,
        notes: RunNotes,
        completed: Completed,
        over: bool,
    ) -> Ended:
        whole = list(filter(partial(self._is_whole, completed), range(len(self.files))))
        self._tell_empty(whole, completed)
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

    def _note(self, detail: str) -> None:
        self.report(RunNote(detail))

    def _is_whole(self, completed: Completed, number: int) -> bool:
        """Whether all units of a file are predicted."""
        keys = {(number, unit.number) for unit in self.files[number].units}
        return keys <= completed.keys()

    def _tell_empty(self, whole: Sequence[int], completed: Completed) -> None:
        """Name the files without rows, whose outputs have none either."""
        full = {number for (number, _), result in completed.items() if result.rows}
        empty = [self.files[number].file.name for number in whole if number not in full]
        if empty:
            shown = ", ".join(empty[:SHOWN]) + (" ..." if len(empty) > SHOWN else "")
            self._note(f"{len(empty)} of {len(self.files)} files without rows: {shown}")

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

    @contextmanager
    def _engine(self, folder: RunFolder, notes: RunNotes) -> Iterator[UnitEngine]:
        """Who predicts; raises BatchError where they cannot be reached."""
        job = self.job
        settings = WorkerSettings(
            job.bundle,
            job.public_key,
            self.model.bundle.digest,
            job.runtime,
            folder.parts,
            job.keep,
            notes.chunk_rows,
            job.bad_row_data,
        )
        if job.engine == DASK:
            with _dask().dask_engine(job, settings, self.model, self._note) as engine:
                yield engine
        elif job.processes == 1:
            yield OneProcess(settings, self.model)
        else:
            yield ProcessPool(settings, job.processes)

    def _tasks(self, completed: Completed) -> Iterator[Task]:
        """What is still to be predicted."""
        for number, plan in enumerate(self.files):
            for unit in plan.units:
                if (number, unit.number) not in completed:
                    yield unit, number, plan.copied

    def _completed(self, folder: RunFolder) -> dict[tuple[int, int], UnitResult]:
        """What an earlier run predicted."""
        completed = {}
        existing = folder.parts.folder.names()
        for number, plan in enumerate(self.files):
            for unit in plan.units:
                result = complete(folder.parts, existing, unit, number)
                if result is not None:
                    completed[number, unit.number] = result

        return completed

    def _assembly(self, folder: RunFolder, notes: RunNotes, completed: Completed) -> OutputAssembly:
        """What writes the outputs meanwhile."""

        def write(number: int, units: Iterator[int]) -> None:
            plan = self.files[number]
            if folder.files.exists(plan.output):
                return

            names = (folder.parts.data(plan.units[unit], number) for unit in units)
            batches = chain.from_iterable(map(partial(read_part, folder.parts.folder), names))
            schema = self._schema(plan)
            write_output(folder.files, plan.output, plan.kind, schema, batches, _metadata(notes))

        units = [range(len(plan.units)) for plan in self.files]
        return OutputAssembly(units, list(completed), write)

    def _schema(self, plan: InputPlan) -> pa.Schema:
        return pa.schema([*plan.copied, *self.model.answers.schema])

    def _gather_bad_rows(self, folder: RunFolder, completed: Completed) -> None:
        parts = folder.parts
        with folder.files.draft(BAD_ROWS, 0o600) as draft, draft.open("wb") as file:
            for number, plan in enumerate(self.files):
                for unit in plan.units:
                    if (number, unit.number) in completed:
                        file.write(parts.folder.read(parts.bad(unit, number)))

    def _plan(self, file: InputFile) -> InputPlan:
        """Check a file; raises BatchError before any row is predicted."""
        columns = self.model.bundle.manifest.columns
        copied = reader_of(file.format, columns, self.job.keep).check(file.path)
        self._require_other_names(copied)
        kind = self.job.output_format or file.format
        require_form(kind, copied, file.path)
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

    def _started(self, notes: RunNotes, meter: ProgressMeter, workers: int) -> Started:
        return Started(
            notes.version,
            notes.runtime,
            len(self.files),
            meter.total,
            meter.resumed_rows,
            notes.chunk_rows,
            workers,
            self.job.engine,
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


def _dask() -> ModuleType:
    """What needs Dask, which is loaded where it is asked for."""
    try:
        from batch.cluster import dask_engine
    except ModuleNotFoundError as error:
        raise BatchError(
            f"--engine dask needs the package distributed ({error}): pip install distributed, or "
            f"take --engine local"
        ) from error

    return dask_engine


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
