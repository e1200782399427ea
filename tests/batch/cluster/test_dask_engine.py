"""A run on Dask: its outputs are the local engine's, and what happens to workers does not show."""

import os
import signal
import socket
import subprocess
from functools import partial
from pathlib import Path

import msgspec
import psutil
import pyarrow.parquet as pq
import pytest

from batch.errors import BatchError
from tests.batch.batch_harness import WAIT_S, ended, events_of, many_loans
from tests.loopback import free_port
from tests.until import until

FILES = 6
ROWS = 40_000


def write_files(batch, rows=ROWS):
    """Several files, so that there are several units."""
    frame = many_loans(FILES * rows)
    for number in range(FILES):
        batch.write(frame.iloc[number * rows : (number + 1) * rows], f"{number}.parquet")


def contents(folder):
    """The bytes of all outputs, without the manifest, which has times."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name not in ("_sluice.json", "_lock")
    }


def run_apart(batch, **more):
    """The events of a run in a process of its own, since pytest is no parent of a cluster."""
    process = batch.start(**more)
    events = events_of(process)
    process.wait(WAIT_S)
    return events


def parts(batch):
    """How many units are predicted."""
    return len(list((batch.out / "_parts").glob("[0-9]*.arrow")))


def has_more_parts(batch, before):
    """Whether another unit is predicted."""
    return parts(batch) > before


def of_local_engine(batch, tmp_path, **more):
    """What an undisturbed run of the local engine writes."""
    out = tmp_path / "undisturbed"
    batch.run(out=str(out), **more)
    return contents(out)


def test_both_engines_write_the_same_bytes(batch, tmp_path):
    frame = many_loans(5000)
    frame.loc[17, "amount"] = float("nan")
    batch.write(frame, "a.parquet", row_group_size=700)
    batch.write(frame, "b.csv")
    batch.write(frame.iloc[:900], "c.jsonl")
    events = run_apart(batch, engine="dask", processes=2, keep=["id"])
    assert events[0]["engine"] == "dask"
    assert {"state": "done", "rows": 10_900, "bad": 3}.items() <= events[-1].items()
    assert contents(batch.out) == of_local_engine(batch, tmp_path, keep=["id"])


def test_files_without_rows_have_outputs_without_rows_and_are_named(batch, tmp_path):
    batch.write(many_loans(10), "a.parquet")
    batch.write(many_loans(0), "b.parquet")
    batch.write(many_loans(0), "c.csv")
    batch.write(many_loans(0), "d.jsonl")
    (batch.inputs / "e.csv").touch()
    schema = pq.read_schema(batch.inputs / "a.parquet")
    with pq.ParquetWriter(batch.inputs / "f.parquet", schema):
        pass

    events = run_apart(batch, engine="dask")
    assert events[-1]["rows"] == 10
    assert contents(batch.out) == of_local_engine(batch, tmp_path)
    names = "b.parquet, c.csv, d.jsonl, e.csv, f.parquet"
    assert f"5 of 6 files without rows: {names}" in [event.get("detail") for event in events]
    assert pq.read_table(batch.out / "f.parquet").num_rows == 0


def workers_of(process):
    """The processes of a run's own cluster, once both run."""
    children = psutil.Process(process.pid).children()
    workers = [child.pid for child in children if "spawn_main" in " ".join(child.cmdline())]
    return workers if len(workers) == 2 else []


def is_predicting(batch):
    """Whether a worker writes a part."""
    return any((batch.out / "_parts").glob(".*.draft"))


def test_units_of_a_killed_worker_are_asked_of_others_and_nothing_of_it_shows(batch, tmp_path):
    write_files(batch)
    process = batch.start(engine="dask", processes=2)
    started = msgspec.json.decode(process.stdout.readline())
    assert (started["event"], started["processes"]) == ("started", 2)
    until(lambda: is_predicting(batch), "a worker predicts")
    os.kill(workers_of(process)[0], signal.SIGKILL)
    events = events_of(process)
    assert process.wait(WAIT_S) == 0
    assert any("is gone" in event.get("detail", "") for event in events)
    assert events[-1]["rows"] == FILES * ROWS
    assert contents(batch.out) == of_local_engine(batch, tmp_path)


def test_a_killed_run_goes_on_with_the_other_engine(batch, tmp_path):
    write_files(batch)
    for engine, before in (("local", 0), ("dask", 1)):
        process = batch.start(engine=engine, processes=2)
        until(partial(has_more_parts, batch, before), "a unit is predicted")
        ended(process)

    predicted = parts(batch)
    assert batch.run().state == "done"
    assert batch.events[0].resumed_rows == predicted * ROWS
    assert contents(batch.out) == of_local_engine(batch, tmp_path)


def has_begun(process):
    """Whether the run has said that it begins, which it waits for."""
    return process.stdout.readline()


@pytest.mark.parametrize("reached", [workers_of, has_begun])
def test_ctrl_c_ends_after_the_units_in_hand_and_the_run_goes_on(batch, tmp_path, reached):
    # So many that a busy machine does not end the run before it is interrupted.
    rows = 3 * ROWS
    write_files(batch, rows)
    process = batch.start(engine="dask", processes=2, start_new_session=True)
    until(lambda: reached(process), "the workers start or run")
    # As a terminal does it: to the workers too.
    os.killpg(process.pid, signal.SIGINT)
    events = events_of(process)
    assert process.wait(WAIT_S) == 130
    assert events[-1]["state"] == "interrupted"
    assert 0 < events[-1]["rows"] < FILES * rows
    assert not any("is gone" in event.get("detail", "") for event in events)
    assert not is_predicting(batch)
    assert run_apart(batch, engine="dask")[-1]["state"] == "done"
    assert contents(batch.out) == of_local_engine(batch, tmp_path)


def test_a_cluster_of_its_own_listens_on_the_loopback_alone_and_opens_no_page(batch):
    write_files(batch)
    process = batch.start(engine="dask", processes=2)
    process.stdout.readline()
    pids = [process.pid, *until(lambda: workers_of(process), "both workers run")]
    addresses = {line.split()[3] for pid in pids for line in listeners(pid)}
    ended(process)
    assert addresses
    assert {address.rpartition(":")[0] for address in addresses} == {"127.0.0.1"}
    assert not any(address.endswith(":8787") for address in addresses)


def listeners(pid):
    """The lines of `ss` for a process."""
    text = subprocess.run(["ss", "-Hltnp"], capture_output=True, check=True, text=True).stdout
    return [line for line in text.splitlines() if f"pid={pid}," in line]


# A cluster that runs.


def test_a_running_cluster_predicts_and_loads_a_bundle_once_a_worker(batch, cluster, tmp_path):
    write_files(batch, 1000)
    cluster.scheduler()
    cluster.worker()
    cluster.worker(threads=3)
    ended = batch.run(engine="dask", scheduler=cluster.address)
    assert (ended.state, batch.events[0].processes) == ("done", 2)
    assert contents(batch.out) == of_local_engine(batch, tmp_path)


def test_a_unit_whose_workers_die_is_not_asked_for_ever(batch, cluster):
    write_files(batch)
    cluster.scheduler(DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES="0")
    first, _ = cluster.worker(), cluster.worker()
    process = batch.start(engine="dask", scheduler=cluster.address)
    until(lambda: is_predicting(batch), "a worker predicts")
    first.kill()
    events = events_of(process)
    assert process.wait(WAIT_S) == 1
    assert "1 workers died while they predicted unit 0 of " in events[-1]["detail"]
    assert "the same command goes on" in events[-1]["detail"]


def test_a_scheduler_that_is_lost_ends_the_run_which_goes_on(batch, cluster):
    write_files(batch)
    scheduler = cluster.scheduler()
    cluster.worker()
    process = batch.start(engine="dask", scheduler=cluster.address)
    until(lambda: is_predicting(batch), "a worker predicts")
    scheduler.kill()
    events = events_of(process)
    assert process.wait(WAIT_S) == 1
    assert "the scheduler was lost" in events[-1]["detail"]


def test_a_run_whose_workers_are_all_gone_ends(batch, cluster, monkeypatch):
    monkeypatch.setattr(batch_queue(), "WITHOUT_WORKERS_S", 0.1)
    write_files(batch)
    cluster.scheduler()
    worker = cluster.worker()
    original = batch_queue().UnitQueue._submit

    def and_kill(self, *given):
        original(self, *given)
        worker.kill()

    monkeypatch.setattr(batch_queue().UnitQueue, "_submit", and_kill)
    with pytest.raises(BatchError, match="the scheduler has had no worker for"):
        batch.run(engine="dask", scheduler=cluster.address)


def batch_queue():
    """The module, whose name the fixture's would hide."""
    import batch.cluster.unit_queue as module

    return module


def test_a_worker_of_other_packages_is_refused_by_name(batch, cluster, tmp_path):
    batch.write(many_loans(10))
    metadata = tmp_path / "old" / "numpy-1.0.dist-info"
    metadata.mkdir(parents=True)
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: numpy\nVersion: 1.0\n")
    cluster.scheduler()
    cluster.worker()
    cluster.worker(path=f"{metadata.parent}:{Path(__file__).parents[3]}")
    with pytest.raises(BatchError, match=r"worker tcp://127\.0\.0\.1:\d+ has numpy 1\.0 \(2\.\S+ "):
        batch.run(engine="dask", scheduler=cluster.address)


def test_a_worker_without_sluice_is_refused_by_name(batch, cluster):
    batch.write(many_loans(10))
    cluster.scheduler()
    cluster.worker(path="")
    with pytest.raises(BatchError, match=r"worker tcp://\S+ cannot run Sluice \(.*No module named"):
        batch.run(engine="dask", scheduler=cluster.address)


def test_a_scheduler_without_workers_is_told(batch, cluster, monkeypatch):
    import batch.cluster.dask_engine as module

    monkeypatch.setattr(module, "FIRST_WORKER_S", 0.1)
    batch.write(many_loans(10))
    cluster.scheduler()
    with pytest.raises(BatchError, match="has no worker: start some"):
        batch.run(engine="dask", scheduler=cluster.address)


def test_an_unreachable_scheduler_is_one_line_before_anything_is_read(batch):
    address = f"tcp://127.0.0.1:{free_port()}"
    with pytest.raises(BatchError) as caught:
        batch.run(engine="dask", scheduler=address, patterns=["/nowhere"])
    assert str(caught.value).startswith(
        f"no scheduler of Dask answers at {address} (Connection refused): "
    )


def test_what_listens_and_is_no_scheduler_is_told(batch):
    batch.write(many_loans(10))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = f"tcp://127.0.0.1:{listener.getsockname()[1]}"
        with pytest.raises(BatchError, match="no scheduler of Dask answers at "):
            batch.run(engine="dask", scheduler=address)


@pytest.mark.parametrize("address", ["tcp://nowhere.invalid:8786", "tcp://127.0.0.1:port"])
def test_an_address_that_is_none_is_told(batch, address):
    with pytest.raises(BatchError, match="scheduler"):
        batch.run(engine="dask", scheduler=address)


def test_a_failure_on_a_worker_is_the_local_engines(batch):
    batch.write(many_loans(10))
    broken = batch.write(many_loans(200), "broken.parquet")
    data = bytearray(broken.read_bytes())
    # All but the footer, by which the file looks whole.
    rows = len(data) - 8 - int.from_bytes(data[-8:-4], "little")
    data[4:rows] = bytes(rows - 4)
    broken.write_bytes(data)
    events = run_apart(batch, engine="dask")
    with pytest.raises(BatchError) as here:
        batch.run()
    assert events[-1]["detail"] == str(here.value)
