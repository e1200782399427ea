"""Files as strangers write them: taken where that is safe, else refused by name."""

import os

import msgspec
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from batch.errors import BatchError
from batch.inputs import json_rows
from batch.inputs.input_files import find_input_files
from batch.run import BatchRun, Started
from tests.batch.batch_harness import SCHEMA, many_loans

ROWS = 20
BOM = b"\xef\xbb\xbf"


def with_column(batch, values, name="extra"):
    """Loans with one more column, in Parquet."""
    table = pa.Table.from_pandas(many_loans(ROWS).drop(columns="id"), SCHEMA)
    path = batch.inputs / "rows.parquet"
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table.append_column(name, values), path)
    return path


def lines_of(batch, name):
    """The octets of a file of loans."""
    path = batch.write(many_loans(ROWS), name)
    return path, path.read_bytes()


@pytest.mark.parametrize("name", ["rows.csv", "rows.jsonl"])
@pytest.mark.parametrize(
    "changed",
    [
        lambda octets: BOM + octets,
        lambda octets: octets.replace(b"\n", b"\r\n"),
        lambda octets: b"\n" + octets.replace(b"\n", b"\n\n"),
        lambda octets: octets.rstrip(b"\n"),
    ],
    ids=["mark", "carriage returns", "empty lines", "no last newline"],
)
def test_a_mark_carriage_returns_and_empty_lines_change_nothing(batch, name, changed, tmp_path):
    path, octets = lines_of(batch, name)
    batch.run(out=str(tmp_path / "plain"))
    path.write_bytes(changed(octets))
    assert batch.run().rows == ROWS
    assert (batch.out / name).read_bytes() == (tmp_path / "plain" / name).read_bytes()


@pytest.mark.parametrize("name", ["rows.csv", "rows.jsonl"])
@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le"])
def test_utf_16_is_called_so(batch, name, encoding):
    path, octets = lines_of(batch, name)
    path.write_bytes(octets.decode().encode(encoding))
    with pytest.raises(BatchError, match=rf"{name} is UTF-16, and not UTF-8: save it"):
        batch.run()


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        (lambda octets: octets.replace(b",", b";"), "separated by semicolons: separate them"),
        (lambda octets: octets.replace(b",", b"\t"), "separated by tabs: separate them"),
        (lambda octets: octets.replace(b",", b", "), "column ' amount' begins or ends with a"),
        (lambda octets: octets.partition(b"\n")[0], "holds but its line of names"),
    ],
)
def test_a_csv_of_other_habits_is_refused_with_the_reason(batch, changed, message):
    path, octets = lines_of(batch, "rows.csv")
    path.write_bytes(changed(octets))
    with pytest.raises(BatchError, match=message):
        batch.run()


def test_a_line_that_is_too_long_is_one_bad_row_and_no_row_moves(batch, monkeypatch):
    monkeypatch.setattr(json_rows, "LONGEST_LINE", 1024)
    path, octets = lines_of(batch, "rows.jsonl")
    lines = octets.splitlines(keepends=True)
    lines.insert(3, b'{"a": "' + b"x" * 5000 + b'"}\n')
    path.write_bytes(b"".join(lines))
    assert batch.run(max_bad=1.0).rows == ROWS + 1
    (bad,) = batch.bad_rows()
    assert (bad["row"], "a line longer than" in bad["reason"]) == (3, True)
    output = (batch.out / "rows.jsonl").read_bytes().splitlines()
    assert msgspec.json.decode(output[3])["probability_1"] is None
    assert msgspec.json.decode(output[4])["probability_1"] is not None


def test_long_lines_are_read_fewer_at_once(batch, monkeypatch):
    monkeypatch.setattr(json_rows, "MOST_BYTES", 300)
    chunks = list(json_rows._gathered([b"x" * 100] * 7, 100))
    assert list(map(len, chunks)) == [3, 3, 1]


KEPT = {
    "nanoseconds": (pa.array([1] * ROWS, pa.timestamp("ns")), "1970-01-01T00:00:00.000000001"),
    "duration": (pa.array([1] * ROWS, pa.duration("ns")), "P0DT0.000000001S"),
    "bytes": (pa.array([b"\xff\x00"] * ROWS), "/wA="),
    "beyond the calendar": (pa.array([2**50] * ROWS, pa.timestamp("s")), None),
}


@pytest.mark.parametrize("kind", KEPT)
def test_a_column_is_kept_in_the_form_that_a_request_has(batch, kind):
    values, form = KEPT[kind]
    with_column(batch, values)
    batch.run(output_format="jsonl", keep=["extra"])
    first = (batch.out / "rows.jsonl").read_bytes().partition(b"\n")[0]
    kept = msgspec.json.decode(first)["extra"]
    assert kept == form or (form is None and isinstance(kept, str))


@pytest.mark.parametrize("kind", ["duration", "bytes"])
def test_csv_has_them_too(batch, kind):
    values, form = KEPT[kind]
    with_column(batch, values)
    batch.run(output_format="csv", keep=["extra"])
    assert pd.read_csv(batch.out / "rows.csv")["extra"].eq(form).all()


def test_what_csv_has_no_form_of_is_refused_before_any_row(batch):
    with_column(batch, pa.array([{"a": 1}] * ROWS))
    with pytest.raises(BatchError, match=r"--keep extra holds struct<a: int64>, which CSV has no"):
        batch.run(output_format="csv", keep=["extra"])
    assert not batch.out.exists()


@pytest.mark.parametrize(
    "values",
    [
        pa.array([[1]] * ROWS, pa.list_(pa.timestamp("ns"))),
        pa.array([2**50] * ROWS, pa.timestamp("s")),
    ],
)
def test_a_bad_row_is_reported_whatever_its_other_columns_hold(batch, values):
    path = with_column(batch, values)
    table = pq.read_table(path)
    amounts = pa.array([None, *[1.0] * (ROWS - 1)], pa.float64())
    pq.write_table(table.set_column(0, "amount", amounts), path)
    process = batch.start(keep=["extra"], max_bad=1.0)
    assert process.wait() == 0
    process.stdout.close()
    (bad,) = batch.bad_rows()
    assert bad["reason"].startswith("column 'amount'")
    assert bad["values"]["extra"]


def test_a_name_with_the_signs_of_a_glob_is_a_name(batch):
    path = batch.write(many_loans(ROWS), "a[1]*.parquet")
    assert batch.run(patterns=[str(path)]).rows == ROWS


def test_a_name_that_is_no_text_is_refused(batch):
    path = batch.write(many_loans(ROWS))
    os.rename(path, os.fsencode(path.parent) + b"/a\xff.parquet")
    with pytest.raises(BatchError, match=r"a\\udcff\.parquet' is no name in UTF-8"):
        batch.run()


@pytest.mark.parametrize("pattern", ["", "/*", "/more.csv"])
@pytest.mark.parametrize("odd", [lambda path: path.symlink_to("/nowhere.csv"), os.mkfifo])
def test_an_input_that_is_no_file_is_named_and_not_left_out(batch, pattern, odd):
    batch.inputs.mkdir()
    (batch.inputs / "rows.csv").write_text("x\n")
    odd(batch.inputs / "_hidden.csv")
    assert len(find_input_files([str(batch.inputs)])) == 1
    odd(batch.inputs / "more.csv")
    with pytest.raises(BatchError, match=r"more.csv is a link to nothing, or no regular file"):
        find_input_files([f"{batch.inputs}{pattern}"])


def test_a_link_to_a_file_and_a_folder_that_is_called_like_a_file_are_taken(batch, tmp_path):
    (tmp_path / "elsewhere.csv").write_text("x\n")
    (batch.inputs / "all.csv").mkdir(parents=True)
    (batch.inputs / "all.csv" / "part.csv").symlink_to(tmp_path / "elsewhere.csv")
    (file,) = find_input_files([str(batch.inputs)])
    assert file.path.endswith("all.csv/part.csv")


def test_a_folder_that_cannot_be_listed_is_named(batch, monkeypatch):
    batch.inputs.mkdir()
    (batch.inputs / "rows.csv").write_text("x\n")
    inner = batch.inputs / "inner"
    inner.mkdir()
    scan = os.scandir

    def scandir(path):
        if str(path) == str(inner):
            raise PermissionError(13, "Permission denied", str(inner))
        return scan(path)

    # A user whom the tests may run as, root, may list every folder.
    monkeypatch.setattr(os, "scandir", scandir)
    with pytest.raises(BatchError, match=r"inner cannot be listed \(Permission denied\)"):
        find_input_files([str(batch.inputs)])


def test_predictions_within_the_folder_of_inputs_are_no_inputs(batch):
    batch.write(many_loans(ROWS))
    with pytest.raises(BatchError, match=r"holds rows\.parquet, which no run wrote"):
        batch.run(out=str(batch.inputs))
    out = batch.inputs / "predictions"
    assert batch.run(out=str(out)).state == "done"
    (out / "_SUCCESS").unlink()
    assert batch.run(out=str(out)).state == "done"


def test_a_folder_that_is_called_like_a_runs_own_is_none_of_the_inputs(batch):
    batch.write(many_loans(ROWS))
    batch.write(many_loans(ROWS), "_parts/more.parquet")
    batch.write(many_loans(ROWS), "month=1/.cache/more.parquet")
    assert batch.run().rows == ROWS
    batch.run(patterns=[str(batch.inputs / "_parts")], out=str(batch.folder / "other"))
    assert (batch.folder / "other" / "more.parquet").exists()


def test_rows_of_long_texts_are_read_fewer_at_once(batch):
    frame = many_loans(300).drop(columns="id")
    frame["note"] = [np.random.default_rng(row).bytes(100_000).hex() for row in range(300)]
    path = batch.inputs / "rows.parquet"
    path.parent.mkdir()
    pq.write_table(pa.Table.from_pandas(frame, preserve_index=False), path)
    read = []
    predict = batch.loaded("logistic").__class__.predict

    def counted(self, fitted, at_once):
        read.append(fitted.rows)
        return predict(self, fitted, at_once)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("batch.model.BatchModel.predict", counted)
        batch.run(keep=["note"], chunk_rows=10)

    assert max(read) <= 80
    assert sum(read) == 300


def another_file(path):
    """The same path holds other rows."""
    octets = path.read_bytes()
    path.unlink()
    path.write_bytes(octets)


CHANGES = {
    "appended to": lambda path: path.write_bytes(path.read_bytes() + b"loan-x,1,41,True,Oslo,3\n"),
    "replaced": another_file,
    "emptied": lambda path: path.write_bytes(b""),
}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("name", ["rows.csv", "rows.parquet"])
def test_a_file_that_changes_while_it_is_predicted_is_no_success(batch, name, change):
    path = batch.write(many_loans(ROWS), name)

    def changing(event):
        if isinstance(event, Started):
            CHANGES[change](path)

    with pytest.raises(BatchError, match=rf"{name} was changed while it was predicted"):
        BatchRun(batch.job(), changing).run()
    assert not (batch.out / name).exists()
    with pytest.raises(BatchError, match=rf"{name} was added or changed since|{name} "):
        batch.run()


OTHER_TABLES = {
    "other columns": {"other": pa.array(range(ROWS))},
    "a value of another kind to keep": {"id": pa.array([{"deep": 1}] * ROWS)},
}


@pytest.mark.parametrize("changed", OTHER_TABLES)
def test_a_file_that_becomes_another_table_is_told_as_changed(batch, changed):
    path = batch.write(many_loans(ROWS))
    loans = pq.read_table(path).drop(["id"])

    def changing(event):
        if isinstance(event, Started):
            for name, values in OTHER_TABLES[changed].items():
                pq.write_table(loans.append_column(name, values), path)

    with pytest.raises(BatchError, match=r"rows\.parquet was changed while it was predicted"):
        BatchRun(batch.job(keep=["id"]), changing).run()


def test_a_file_that_is_deleted_while_it_is_predicted_is_named(batch):
    path = batch.write(many_loans(ROWS))
    octets, times = path.read_bytes(), path.stat().st_mtime_ns

    def deleting(event):
        if isinstance(event, Started):
            path.unlink()

    with pytest.raises(BatchError, match=r"rows\.parquet is gone while it was predicted"):
        BatchRun(batch.job(), deleting).run()
    path.write_bytes(octets)
    os.utime(path, ns=(times, times))
    assert batch.run().state == "done"
