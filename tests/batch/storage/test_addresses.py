"""Inputs and outputs at addresses: the same bytes as on this machine's disk, and clear refusals."""

import sys

import fsspec
import pytest

from batch.errors import BatchError
from batch.outputs.object_folder import ObjectFolder
from batch.outputs.run_folder import opened
from tests.batch.batch_harness import WAIT_S, ended, events_of, many_loans
from tests.batch.storage.conftest import WholeHandler
from tests.until import until

NAMES = ("a.parquet", "b.csv", "c.jsonl")


def put(batch, address, rows=3000, names=NAMES):
    """Write inputs here and copy them to an address."""
    files, path = fsspec.url_to_fs(address)
    for name in names:
        # Each group is asked for by itself.
        options = {"row_group_size": max(500, rows // 6)} if name.endswith("parquet") else {}
        written = batch.write(many_loans(rows), name, **options)
        # A parent that has to exist does so in no object store.
        files.pipe_file(f"{path}/{name}", written.read_bytes())


def stored(address):
    """The bytes of all objects of a run, without the manifest, which has times."""
    files, path = fsspec.url_to_fs(address)
    files.invalidate_cache()
    return {
        name.removeprefix(f"{path}/"): files.cat_file(name)
        for name in files.find(path)
        if not name.endswith("_sluice.json")
    }


def on_disk(batch, **more):
    """The same of a run over the files of this machine."""
    batch.run(**more)
    return {
        path.relative_to(batch.out).as_posix(): path.read_bytes()
        for path in batch.out.rglob("*")
        if path.name not in ("_sluice.json", "_lock")
    }


@pytest.mark.parametrize("where", ["memory", "bucket"])
def test_an_object_store_has_the_same_bytes_as_a_disk(batch, request, where):
    address = request.getfixturevalue(where)
    put(batch, f"{address}/in")
    out = f"{address}/predictions"
    done = batch.run(patterns=[f"{address}/in"], out=out, keep=["id"])
    assert (done.state, done.rows, done.bad, done.out) == ("done", 9000, 0, out)
    assert stored(out) == on_disk(batch, keep=["id"])


@pytest.mark.parametrize("pattern", ["in/*.parquet", "in/a.parquet", "in/**/a.*", "in/[a]*"])
def test_inputs_are_named_by_a_glob_or_alone(batch, bucket, pattern):
    put(batch, f"{bucket}/in", 100)
    assert batch.run(patterns=[f"{bucket}/{pattern}"]).rows == 100
    assert batch.output("a.parquet").num_rows == 100


def test_a_file_address_is_a_path(batch):
    batch.write(many_loans(10))
    assert batch.run(patterns=[f"file://{batch.inputs}"], out=f"file://{batch.out}").rows == 10
    assert batch.output().num_rows == 10


@pytest.mark.parametrize("engine", ["local", "dask"])
def test_workers_read_and_write_in_an_object_store(batch, bucket, engine):
    put(batch, f"{bucket}/in")
    process = batch.start(
        patterns=[f"{bucket}/in"], out=f"{bucket}/out", processes=2, engine=engine
    )
    assert events_of(process)[-1]["state"] == "done"
    assert process.wait(WAIT_S) == 0
    assert stored(f"{bucket}/out") == on_disk(batch)


def has_progress(process):
    """Whether the next that a run says is that it has predicted rows."""
    return b'"progress"' in process.stdout.readline()


def test_a_killed_run_goes_on_where_it_stopped(batch, bucket):
    put(batch, f"{bucket}/in", 60_000, ["a.parquet", "b.parquet", "c.parquet"])
    job = {"patterns": [f"{bucket}/in"], "out": f"{bucket}/out"}
    files, path = fsspec.url_to_fs(f"{bucket}/out/_parts")

    def parts():
        files.invalidate_cache()
        return [name for name in files.find(path) if name.endswith(".arrow")]

    process = batch.start(**job)
    # Said as soon as there is a unit; to ask the store all the time would cost more than the run.
    until(lambda: has_progress(process), "a unit is predicted")
    ended(process)
    predicted = len(parts())
    assert 0 < predicted < 3
    assert batch.run(**job).state == "done"
    assert batch.events[0].resumed_rows == predicted * 60_000
    assert stored(f"{bucket}/out") == on_disk(batch)


def test_a_changed_object_is_refused_by_name(batch, bucket):
    put(batch, f"{bucket}/in", 10)
    job = {"patterns": [f"{bucket}/in"], "out": f"{bucket}/out"}
    batch.run(**job)
    put(batch, f"{bucket}/in", 11, ["b.csv"])
    with pytest.raises(BatchError, match=rf"{bucket}/in/b\.csv was added or changed since"):
        batch.run(**job)


def test_an_object_that_was_only_copied_again_is_the_same(batch, bucket):
    put(batch, f"{bucket}/in", 10)
    job = {"patterns": [f"{bucket}/in"], "out": f"{bucket}/out"}
    batch.run(**job)
    put(batch, f"{bucket}/in", 10)
    assert batch.run(**job).state == "done"


def test_of_two_runs_that_begin_at_once_only_one_creates_the_manifest(bucket):
    first, second = ObjectFolder.at(f"{bucket}/out"), ObjectFolder.at(f"{bucket}/out")
    first.write_new("_sluice.json", b"{}")
    with pytest.raises(FileExistsError):
        second.write_new("_sluice.json", b"{}")


def test_two_runs_of_this_machine_into_one_folder_exclude_each_other(batch, memory):
    batch.write(many_loans(10))
    with opened(memory), pytest.raises(BatchError, match="another run writes into memory://"):
        batch.run(out=memory)
    assert batch.run(out=memory).state == "done"


def test_a_folder_with_other_objects_is_left_alone(batch, bucket):
    batch.write(many_loans(10))
    fsspec.filesystem("s3").pipe_file(f"{bucket}/out/thesis.txt", b"mine")
    with pytest.raises(BatchError, match=r"holds thesis\.txt, which no run wrote"):
        batch.run(out=f"{bucket}/out")


@pytest.mark.parametrize("pattern", ["in/*.parquet", "in", "in/a.parquet"])
def test_a_bucket_that_does_not_exist_is_named(batch, bucket, pattern):
    with pytest.raises(BatchError, match="s3://no-such-bucket does not exist, or is not yours"):
        batch.run(patterns=[f"s3://no-such-bucket/{pattern}"])


def test_an_output_in_a_bucket_that_does_not_exist_is_refused_before_any_row(batch, bucket):
    batch.write(many_loans(10))
    with pytest.raises(BatchError, match=r"s3://no-such-bucket/out.* does not exist"):
        batch.run(out="s3://no-such-bucket/out")
    assert batch.events == []


def test_no_object_at_all_is_refused(batch, bucket):
    with pytest.raises(BatchError, match="matches no file"):
        batch.run(patterns=[f"{bucket}/in/*.parquet"])


def test_a_package_that_is_missing_is_named(batch, monkeypatch):
    monkeypatch.setitem(sys.modules, "gcsfs", None)
    with pytest.raises(BatchError, match=r"gs:// needs the package gcsfs, .* -m pip install gcsfs"):
        batch.run(patterns=["gs://bucket/in"])


@pytest.mark.parametrize("address", ["nonsense://bucket/in", "simplecache::s3://bucket/in"])
def test_an_address_of_no_file_system_is_refused(batch, address):
    with pytest.raises(BatchError, match=r"Protocol not known: nonsense|is a chain of addresses"):
        batch.run(patterns=[address])


# Web servers.


def test_a_web_server_gives_the_same_and_parquet_is_read_by_ranges(batch, web):
    server = web()
    batch.write(many_loans(60_000), "a.parquet", row_group_size=10_000)
    size = (batch.inputs / "a.parquet").stat().st_size
    assert batch.run(patterns=[f"{server.address}/a.parquet"]).rows == 60_000
    answered = [length for command, _, length in server.asked if command == "GET"]
    assert max(answered) < size / 4
    over_web = batch.output("a.parquet")
    on_disk(batch, out=str(batch.folder / "disk"))
    assert over_web.equals(batch.output("../disk/a.parquet"))


@pytest.mark.parametrize("handler", [None, WholeHandler])
@pytest.mark.parametrize("name", ["b.csv", "c.jsonl"])
def test_texts_are_read_from_a_web_server_with_or_without_ranges(batch, web, handler, name):
    server = web(handler) if handler else web()
    batch.write(many_loans(20_000), name)
    assert batch.run(patterns=[f"{server.address}/{name}?token=x"], output_format="parquet").rows
    over_web = batch.output(name.partition(".")[0] + ".parquet")
    batch.run(out=str(batch.folder / "disk"), output_format="parquet")
    assert over_web.equals(batch.output("../disk/" + name.partition(".")[0] + ".parquet"))


def test_parquet_of_a_web_server_without_ranges_is_refused_with_the_reason(batch, web):
    server = web(WholeHandler)
    batch.write(many_loans(60_000), "a.parquet")
    with pytest.raises(BatchError, match=r"a\.parquet cannot be read as Parquet: .* range"):
        batch.run(patterns=[f"{server.address}/a.parquet"])


def test_a_page_that_does_not_exist_and_a_server_that_is_gone_are_told(batch, web):
    server = web()
    batch.inputs.mkdir()
    with pytest.raises(BatchError, match="matches no file"):
        batch.run(patterns=[f"{server.address}/none.csv"])
    server.server_close()
    with pytest.raises(BatchError, match=r"cannot be reached|matches no file"):
        batch.run(patterns=[f"{server.address}/none.csv"])


def test_a_web_server_is_no_output(batch, web):
    batch.write(many_loans(10))
    with pytest.raises(BatchError, match="cannot be written to: give --out a folder"):
        batch.run(out=f"{web().address}/out")


def test_memory_does_not_grow_with_a_csv(batch, web):
    """A stream is read block by block: no more than some of them are held."""
    from batch.storage.remote_file import BLOCK_BYTES, open_stream

    path = batch.inputs / "large.csv"
    batch.inputs.mkdir()
    path.write_bytes(b"x" * 79 + b"\n")
    with path.open("ab") as file:
        for _ in range(64):
            file.write(b"y" * BLOCK_BYTES)

    import tracemalloc

    with open_stream(f"{web().address}/large.csv") as stream:
        tracemalloc.start()
        count = 0
        while block := stream.read(BLOCK_BYTES):
            count += len(block)

        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()

    assert count == path.stat().st_size
    assert peak < 12 * BLOCK_BYTES
