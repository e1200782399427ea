"""A run that is killed goes on, one over other data is refused, and two exclude each other."""

import os
import resource
import signal
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest

import batch.inputs.work_units
from batch.errors import BatchError
from batch.model import BatchModel
from batch.outputs.disk_folder import DiskFolder
from batch.outputs.parts import part_writer
from batch.outputs.run_folder import opened
from tests.batch.batch_harness import ROOT, WAIT_S, ended, events_of, many_loans
from tests.process_tree import descendants_of, has_ended
from tests.until import until


@pytest.fixture
def small_units(monkeypatch):
    """Units of one row group."""
    monkeypatch.setattr(batch.inputs.work_units, "UNIT_ROWS", 1)


GROUP_ROWS = 100_000
SLOW_ROWS = 16
"""With so few rows a call a run lasts long enough to be met in the middle."""
LARGE = {"a.parquet": 15, "b.parquet": 10}
"""Row groups by file: units of five make three units of the first and two of the second."""


def complete_units(batch):
    """The units that are complete, with the time at which each was written."""
    parts = (batch.out / "_parts").glob("[0-9]*.arrow")
    return {path.name: path.stat().st_mtime_ns for path in parts}


def unit_in_hand(batch):
    """Whether a unit is being written."""
    return list((batch.out / "_parts").glob(".*.arrow.*.draft"))


MOMENTS = {
    "the notes are written": lambda batch: (batch.out / "_sluice.json").exists(),
    "one unit is complete": lambda batch: len(complete_units(batch)) == 1,
    "the fourth unit is in hand": lambda batch: (
        len(complete_units(batch)) == 3 and unit_in_hand(batch)
    ),
    "the first output is being written": lambda batch: (batch.out / ".a.parquet.draft").exists(),
    "the first output is there": lambda batch: (batch.out / "a.parquet").exists(),
}


def test_a_run_killed_at_any_moment_goes_on_to_the_same_output(batch, tmp_path):
    for name, groups in LARGE.items():
        batch.write_groups(name, groups, GROUP_ROWS)

    options = {"chunk_rows": 16_384, "keep": ["id"]}
    kept = {}
    for moment, reached in MOMENTS.items():
        process = batch.start(**options)
        until(lambda reached=reached: reached(batch), moment)
        ended(process)
        assert process.returncode == -signal.SIGKILL, moment
        assert not (batch.out / "b.parquet").exists(), moment
        units = complete_units(batch)
        assert kept.items() <= units.items(), f"until {moment} a complete unit was predicted again"
        kept = units

    process = batch.start(**options)
    started, *_, last = events_of(process)
    assert process.wait(WAIT_S) == 0
    rows = GROUP_ROWS * sum(LARGE.values())
    assert (last["rows"], last["bad"]) == (rows, 25)
    assert started["resumed_rows"] >= GROUP_ROWS * LARGE["a.parquet"]

    undisturbed = tmp_path / "undisturbed"
    batch.run(out=str(undisturbed), **options)
    for name in (*LARGE, "_bad_rows.jsonl"):
        assert (batch.out / name).read_bytes() == (undisturbed / name).read_bytes(), name
    assert sorted(map(str, tmp_path.glob("*/.*.draft"))) == []


def half_written(batch):
    """Killed while the notes were written."""
    (batch.out / "._sluice.json.draft").write_text('{"format": 1, "st')


def without_notes(batch):
    """Killed before the notes were written, as runs made the folder of parts first."""
    half_written(batch)
    (batch.out / "_parts").mkdir()


def in_the_middle_of_the_end(batch):
    """Killed while the parts were deleted, before the marker of success."""
    batch.run()
    (batch.out / "_SUCCESS").unlink()
    (batch.out / "._SUCCESS.draft").touch()


@pytest.mark.parametrize("killed", [half_written, without_notes, in_the_middle_of_the_end])
def test_a_run_killed_at_its_very_beginning_or_end_goes_on(batch, killed, monkeypatch):
    batch.write(many_loans(1000))
    batch.out.mkdir()
    killed(batch)
    at = (batch.out / "rows.parquet").exists() and (batch.out / "rows.parquet").stat().st_mtime_ns
    if at:
        # What was done is not done again.
        monkeypatch.delattr(BatchModel, "predict")

    ended = batch.run()
    assert (ended.state, ended.rows) == ("done", 1000)
    assert (batch.out / "_SUCCESS").exists()
    assert batch.output().num_rows == 1000
    assert not at or at == (batch.out / "rows.parquet").stat().st_mtime_ns
    assert list(batch.out.glob(".*")) == []
    assert not (batch.out / "_parts").exists()


def test_the_notes_are_written_before_anything_else(batch, monkeypatch):
    batch.write(many_loans(10))

    def fails(self, name, data):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(DiskFolder, "write_new", fails)
    with pytest.raises(BatchError, match="No space left on device"):
        batch.run()
    assert [path.name for path in batch.out.iterdir()] == ["_lock"]


def test_what_was_predicted_is_not_predicted_again(batch, small_units, monkeypatch):
    batch.write(many_loans(1000), row_group_size=100)
    asked = []

    def breaking(folder, name, schema):
        asked.append(int(name.removesuffix(".arrow").rpartition("-")[2]))
        if len(asked) == 5:
            raise OSError(28, "No space left on device")
        return part_writer(folder, name, schema)

    monkeypatch.setattr("batch.predict_unit.part_writer", breaking)
    with pytest.raises(BatchError, match="No space left on device"):
        batch.run()
    assert batch.run().state == "done"
    assert asked == [0, 1, 2, 3, 4, 4, 5, 6, 7, 8, 9]
    assert batch.output().num_rows == 1000


def test_a_unit_is_predicted_while_the_one_before_it_is_written(batch, small_units, monkeypatch):
    batch.write(many_loans(1000), row_group_size=100)
    predict, predicted, written = BatchModel.predict, [], []

    def counted(self, fitted, at_once):
        predicted.append(fitted.rows)
        return predict(self, fitted, at_once)

    @contextmanager
    def waiting(folder, name, schema):
        with part_writer(folder, name, schema) as part:
            yield part
            written.append(name)
            # Of the last unit there is none to wait for.
            following = min(10, len(written) + 1)
            until(lambda: len(predicted) >= following, "the next unit is predicted")

    monkeypatch.setattr(BatchModel, "predict", counted)
    monkeypatch.setattr("batch.predict_unit.part_writer", waiting)
    assert batch.run().rows == 1000
    assert len(written) == 10
    assert batch.output().num_rows == 1000


def test_a_full_disk_is_told_and_leaves_nothing_that_looks_whole(batch):
    batch.write(many_loans(20_000), row_group_size=5_000)
    process = batch.start()
    resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (20_000, 20_000))
    events = events_of(process)
    assert process.wait(WAIT_S) == 1
    assert events[-1]["event"] == "refused"
    assert "File too large" in events[-1]["detail"]
    assert "goes on" in events[-1]["detail"]
    assert not (batch.out / "rows.parquet").exists()
    assert batch.run().state == "done"


def test_ctrl_c_ends_after_the_unit_in_hand_and_the_run_goes_on(batch):
    batch.write(many_loans(1_500_000), row_group_size=100_000)
    process = batch.start()
    started = msgspec.json.decode(process.stdout.readline())
    assert started["event"] == "started"
    process.send_signal(signal.SIGINT)
    events = events_of(process)
    assert process.wait(WAIT_S) == 130
    assert events[-1]["state"] == "interrupted"
    assert 0 < events[-1]["rows"] < 1_500_000
    assert not (batch.out / "_SUCCESS").exists()


def test_a_done_run_is_not_done_again(batch):
    batch.write(many_loans(10))
    batch.run()
    at = (batch.out / "rows.parquet").stat().st_mtime_ns
    assert batch.run().state == "done"
    assert (batch.out / "rows.parquet").stat().st_mtime_ns == at


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda batch: batch.write(many_loans(11)), "added or changed since"),
        (lambda batch: batch.write(many_loans(10), "more.parquet"), "added or changed since"),
    ],
)
def test_a_changed_input_is_refused_by_name(batch, change, message):
    batch.write(many_loans(10))
    batch.run()
    changed = change(batch)
    with pytest.raises(BatchError, match=message) as caught:
        batch.run()
    assert str(changed) in str(caught.value)


def test_an_input_that_is_gone_is_refused_by_name(batch):
    batch.write(many_loans(10))
    path = batch.write(many_loans(10), "more.parquet")
    batch.run()
    path.unlink()
    with pytest.raises(BatchError, match=r"more\.parquet is gone"):
        batch.run()


@pytest.mark.parametrize(
    ("name", "more", "message"),
    [
        ("price", {}, "another bundle"),
        ("logistic", {"keep": ["id"]}, "another columns to keep"),
        ("logistic", {"output_format": "csv"}, "another output format"),
    ],
)
def test_another_job_does_not_go_on_in_the_folder(batch, name, more, message):
    batch.write(many_loans(10))
    batch.run()
    with pytest.raises(BatchError, match=message):
        batch.run(name, **more)


def test_a_folder_with_other_files_is_left_alone(batch):
    batch.write(many_loans(10))
    batch.out.mkdir()
    (batch.out / "thesis.txt").write_text("mine")
    with pytest.raises(BatchError, match=r"holds thesis\.txt, which no run wrote"):
        batch.run()


def test_two_runs_into_one_folder_exclude_each_other(batch):
    batch.write(many_loans(10))
    with opened(batch.out), pytest.raises(BatchError, match="another run writes into"):
        batch.run()
    assert batch.run().state == "done"


def test_a_worker_that_dies_is_told_and_the_run_goes_on(batch):
    for number in range(4):
        batch.write(many_loans(200_000), f"{number}.parquet")

    process = batch.start(processes=2, chunk_rows=SLOW_ROWS)
    workers = until(lambda: workers_of(process), "two workers run")
    os.kill(workers[0], signal.SIGKILL)
    events = events_of(process)
    assert process.wait(WAIT_S) == 1
    assert "a process died while it predicted" in events[-1]["detail"]

    process = batch.start(processes=2, chunk_rows=SLOW_ROWS)
    assert events_of(process)[-1]["rows"] == 800_000
    assert process.wait(WAIT_S) == 0


POOL = """
import os
from concurrent.futures import ProcessPoolExecutor
from batch.errors import BatchError
from batch.unit_engine import WorkerSettings
from batch.worker_pool import ProcessPool
from tests.until import until

settings = WorkerSettings("no bundle", "no key", "", None, None, [], 1, True)

class Deadly:
    def __reduce__(self):
        return os._exit, (1,)

begin = ProcessPoolExecutor._spawn_process

def begin_late(pool):
    if pool._processes:
        until(lambda: pool._broken, "the first one is dead")
    begin(pool)

def unable(pool):
    raise EOFError("what begins processes was killed")

{change}
try:
    list(ProcessPool(settings, 2).results([("unit", 0, None)] * 2))
except BatchError as error:
    print(error)
"""
DIED = b"a process died while it predicted"
WORKERS = {
    "settings = Deadly(); ProcessPoolExecutor._spawn_process = begin_late": DIED,
    "ProcessPoolExecutor._spawn_process = unable": DIED,
    "# They load a bundle that is not there.": b"no bundle/release.yaml cannot be read",
}


@pytest.mark.parametrize("change", WORKERS)
def test_workers_that_do_not_begin_end_the_run_with_the_reason(change):
    command = [sys.executable, "-c", POOL.format(change=change)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, timeout=WAIT_S, check=True)
    assert WORKERS[change] in done.stdout


def test_a_killed_run_leaves_no_process_behind(batch):
    batch.write(many_loans(150_000), row_group_size=10_000)
    batch.write(many_loans(150_000), "more.parquet", row_group_size=10_000)
    process = batch.start(processes=2, chunk_rows=SLOW_ROWS)
    until(lambda: workers_of(process), "two workers run")
    left = descendants_of(process.pid)
    ended(process)
    for number in left:
        until(lambda number=number: has_ended(number), "a process of the killed run ends")

    assert batch.run().state == "done"


def test_a_run_ends_with_the_command_that_started_it(batch):
    batch.write(many_loans(150_000), row_group_size=10_000)
    batch.write(many_loans(150_000), "more.parquet", row_group_size=10_000)
    with batch.command("--processes", "2", "--chunk-rows", str(SLOW_ROWS)) as process:
        left = until(lambda: batch_processes_of(process), "the run and its two workers run")
        process.kill()

    for number in left:
        until(lambda number=number: has_ended(number), "a process of the killed command ends")

    assert batch.run().state == "done"


def batch_processes_of(process):
    """The processes under a command, once its run has two workers."""
    numbers = descendants_of(process.pid)
    return numbers if len(list(filter(is_worker, numbers))) == 2 else []


def workers_of(process):
    """The processes that predict, once both are there."""
    workers = list(filter(is_worker, descendants_of(process.pid)))
    return workers if len(workers) == 2 else []


def is_worker(number):
    """Whether a process predicts: it is forked from the one that has the imports."""
    return is_fork_server(number) and is_fork_server(parent_of(number))


def is_fork_server(number):
    """Whether it was started as such a process, or is one's fork."""
    try:
        return b"forkserver" in Path(f"/proc/{number}/cmdline").read_bytes()
    except OSError:
        return False


def parent_of(number):
    """The number of a process's parent, 0 where it has ended."""
    try:
        return int(Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        return 0
