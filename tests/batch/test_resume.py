"""A run that is killed goes on, one over other data is refused, and two exclude each other."""

import os
import random
import resource
import signal
import time
from pathlib import Path

import msgspec
import pytest

import batch.inputs.work_units
from batch.errors import BatchError
from batch.outputs.run_folder import opened
from tests.batch.batch_harness import WAIT_S, ended, events_of, many_loans
from tests.until import until


@pytest.fixture
def small_units(monkeypatch):
    """Units of one row group."""
    monkeypatch.setattr(batch.inputs.work_units, "UNIT_ROWS", 1)


def test_a_run_killed_at_any_moment_goes_on_to_the_same_output(batch, tmp_path):
    frame = many_loans(200_000)
    batch.write(frame, row_group_size=10_000)
    chance = random.Random(5)
    for _ in range(5):
        process = batch.start()
        time.sleep(chance.uniform(0.0, 3.0))
        ended(process)

    process = batch.start(keep=[])
    assert events_of(process)[-1]["state"] == "done"
    assert process.wait(WAIT_S) == 0
    resumed = (batch.out / "rows.parquet").read_bytes()

    batch.run(out=str(tmp_path / "undisturbed"))
    assert resumed == (tmp_path / "undisturbed" / "rows.parquet").read_bytes()


def test_what_was_predicted_is_not_predicted_again(batch, small_units, monkeypatch):
    batch.write(many_loans(1000), row_group_size=100)
    asked = []
    from batch.predict_unit import UnitPredictor

    predict = UnitPredictor.predict

    def breaking(self, unit, *more):
        asked.append(unit.number)
        if len(asked) == 5:
            raise OSError(28, "No space left on device")
        return predict(self, unit, *more)

    monkeypatch.setattr(UnitPredictor, "predict", breaking)
    with pytest.raises(BatchError, match="No space left on device"):
        batch.run()
    assert batch.run().state == "done"
    assert asked == [0, 1, 2, 3, 4, 4, 5, 6, 7, 8, 9]
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
    batch.write(many_loans(3_000_000), row_group_size=100_000)
    process = batch.start()
    started = msgspec.json.decode(process.stdout.readline())
    assert started["event"] == "started"
    process.send_signal(signal.SIGINT)
    events = events_of(process)
    assert process.wait(WAIT_S) == 130
    assert events[-1]["state"] == "interrupted"
    assert 0 < events[-1]["rows"] < 3_000_000
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

    process = batch.start(processes=2)
    workers = until(lambda: workers_of(process), "two workers run")
    os.kill(workers[0], signal.SIGKILL)
    events = events_of(process)
    assert process.wait(WAIT_S) == 1
    assert "a process died while it predicted" in events[-1]["detail"]

    process = batch.start(processes=2)
    assert events_of(process)[-1]["rows"] == 800_000
    assert process.wait(WAIT_S) == 0


def test_a_killed_run_leaves_no_process_behind(batch):
    for number in range(2):
        batch.write(many_loans(200_000), f"{number}.parquet")

    process = batch.start(processes=2)
    workers = until(lambda: workers_of(process), "two workers run")
    ended(process)
    until(lambda: not any(map(runs, workers)), "the workers have ended")


def runs(pid):
    """Whether a process still does something."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def workers_of(process):
    """The processes that predict, once both are there."""
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    workers = [
        int(child)
        for child in children
        if b"spawn_main" in Path(f"/proc/{child}/cmdline").read_bytes()
    ]
    return workers if len(workers) == 2 else []
