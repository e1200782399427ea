"""A run over files: its predictions are the service's, in order, beside the columns asked for."""

import stat
import subprocess
import sys

import msgspec
import numpy as np
import pandas as pd
import pytest

from batch.errors import BatchError
from service.rows import row_count
from tests.batch.batch_harness import ROOT, WAIT_S, events_of, many_loans


@pytest.mark.parametrize(
    "name", ["logistic", "trees", "grades", "grade_odds", "flags", "floats", "price", "rate"]
)
def test_predictions_are_the_services_value_for_value(batch, name):
    frame = many_loans(700)
    batch.write(frame, row_group_size=300)
    ended = batch.run(name)
    assert (ended.state, ended.rows, ended.bad) == ("done", 700, 0)
    assert batch.predictions() == batch.served(name, frame.drop(columns="id"))


@pytest.mark.parametrize("file", ["rows.csv", "rows.jsonl", "rows.parquet"])
def test_every_format_gives_the_same(batch, file):
    frame = many_loans(300)
    batch.write(frame, file)
    assert batch.run(output_format="parquet").rows == 300
    assert batch.predictions() == batch.served("logistic", frame.drop(columns="id"))


@pytest.mark.parametrize("kind", ["csv", "jsonl"])
def test_the_output_has_the_inputs_format_unless_another_is_asked_for(batch, kind):
    batch.write(many_loans(30), f"rows.{kind}")
    batch.run(keep=["id"])
    first = (batch.out / f"rows.{kind}").read_text().splitlines()[1]
    assert "loan-" in first


def test_rows_stay_in_order_beside_the_columns_to_keep(batch):
    frame = many_loans(2000)
    batch.write(frame, row_group_size=500)
    batch.run(keep=["id", "age"])
    table = batch.output()
    assert table.column_names == ["id", "age", "probability_0", "probability_1"]
    assert table["id"].to_pylist() == frame["id"].tolist()
    assert table["age"].to_pylist() == frame["age"].tolist()


def test_every_file_has_an_output_of_its_name_and_the_success_comes_last(batch):
    batch.write(many_loans(10), "2026/one.parquet")
    batch.write(many_loans(20), "2027/two.parquet")
    batch.run()
    assert batch.output("2026/one.parquet").num_rows == 10
    assert batch.output("2027/two.parquet").num_rows == 20
    assert (batch.out / "_SUCCESS").exists()
    assert not (batch.out / "_parts").exists()


def test_an_output_names_what_made_it(batch):
    batch.write(many_loans(10))
    batch.run()
    metadata = batch.output().schema.metadata
    assert metadata[b"sluice.model"] == b"loans"
    assert metadata[b"sluice.version"] == b"logistic"
    assert metadata[b"sluice.runtime"] == b"onnx"
    assert len(metadata[b"sluice.bundle"]) == 64


def test_columns_go_by_name_and_others_are_left_alone(batch):
    frame = many_loans(50)
    shuffled = frame[["income", "city", "id", "member", "age", "amount"]]
    batch.write(shuffled)
    batch.run()
    assert batch.predictions() == batch.served("logistic", frame.drop(columns="id"))


def test_two_processes_give_what_one_gives(batch):
    frame = many_loans(2000)
    for number in range(4):
        batch.write(frame.iloc[number * 500 : (number + 1) * 500], f"{number}.parquet")

    process = batch.start(processes=2)
    assert events_of(process)[-1]["state"] == "done"
    assert process.wait(WAIT_S) == 0
    predictions = [
        answer for number in range(4) for answer in batch.predictions(f"{number}.parquet")
    ]
    assert predictions == batch.served("logistic", frame.drop(columns="id"))


# Bad rows.


def spoilt(**changes):
    """Loans of which one row has other values, in columns of objects where it has to be."""
    frame = many_loans(100)
    for name, value in changes.items():
        if name == "age":
            frame[name] = frame[name].astype(float)
        elif value is None:
            frame[name] = frame[name].astype(object)
        frame.loc[7, name] = value
    return frame


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"amount": np.nan}, "column 'amount': Expected `float`, got `null`"),
        ({"amount": np.inf}, "column 'amount': inf is no finite number"),
        ({"age": 41.5}, "column 'age': Expected `int`, got `float`"),
        ({"city": None}, "column 'city': Expected `str`, got `null`"),
        ({"member": None}, "column 'member': Expected `bool`, got `null`"),
    ],
)
def test_a_bad_row_goes_aside_with_its_reason_and_the_others_are_predicted(batch, changes, reason):
    frame = spoilt(**changes)
    batch.write(frame)
    ended = batch.run(keep=["id"])
    assert (ended.state, ended.rows, ended.bad) == ("done", 100, 1)
    (bad,) = batch.bad_rows()
    assert (bad["file"], bad["row"]) == ("rows.parquet", 7)
    assert bad["reason"].startswith(reason)
    assert bad["values"]["id"] == "loan-7"
    answers = batch.predictions()
    assert answers[7] is None
    good = frame.drop(index=7).drop(columns="id").astype(many_loans(1).drop(columns="id").dtypes)
    assert answers[:7] + answers[8:] == batch.served("logistic", good)


def test_a_whole_number_too_large_for_a_float_is_refused_and_not_rounded(batch):
    frame = many_loans(100)
    frame["amount"] = frame["amount"].astype("int64")
    frame.loc[3, "amount"] = 2**53 + 1
    batch.write(frame)
    assert batch.run().bad == 1
    assert batch.bad_rows()[0]["reason"] == ("a value would be changed on its way into the model")


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("loan-x,12.5,abc,True,Oslo,3", "column 'age': 'abc' is no whole number"),
        ("loan-x,12.5,41,perhaps,Oslo,3", "column 'member': 'perhaps' is no boolean"),
        ("loan-x,,41,True,Oslo,3", "column 'amount': Expected `float`, got `null`"),
        ("loan-x,1e999,41,True,Oslo,3", "column 'amount': inf is no finite number"),
    ],
)
def test_a_bad_cell_of_a_csv_is_named(batch, line, reason):
    path = batch.write(many_loans(100), "rows.csv")
    lines = path.read_text().splitlines()
    lines[5] = line
    path.write_text("\n".join(lines) + "\n")
    assert batch.run().bad == 1
    (bad,) = batch.bad_rows()
    assert (bad["row"], bad["reason"].startswith(reason)) == (4, True), bad


@pytest.mark.parametrize("line", ["nonsense", "[1]", '{"amount": 1}', '{"amount": "x"}'])
def test_a_bad_line_of_json_is_named(batch, line):
    path = batch.write(many_loans(100), "rows.jsonl")
    lines = path.read_text().splitlines()
    lines[5] = line
    path.write_text("\n".join(lines) + "\n")
    assert batch.run().bad == 1
    assert batch.bad_rows()[0]["row"] == 5


def test_a_row_that_the_pipeline_fails_on_is_bad_and_named(batch):
    frame = many_loans(600)
    frame.loc[300, "city"] = "Atlantis"
    batch.write(frame)
    ended = batch.run("strict")
    assert ended.bad == 1
    assert batch.bad_rows()[0]["row"] == 300
    assert batch.bad_rows()[0]["reason"].startswith("the model failed: ")


def test_the_report_of_bad_rows_is_for_its_user_alone_and_can_leave_values_out(batch):
    batch.write(spoilt(amount=np.nan))
    batch.run(bad_row_data=False)
    assert "values" not in batch.bad_rows()[0]
    assert stat.S_IMODE((batch.out / "_bad_rows.jsonl").stat().st_mode) == 0o600


def test_more_bad_rows_than_allowed_fail_the_run_and_what_is_good_stays(batch):
    frame = many_loans(100)
    frame.loc[:4, "amount"] = np.nan
    batch.write(frame)
    ended = batch.run(max_bad=0.01)
    assert ended.state == "failed"
    assert "5 of 100 rows are bad (5.00%)" in ended.detail
    assert not (batch.out / "_SUCCESS").exists()
    assert batch.predictions()[5] is not None
    assert batch.run(max_bad=0.1).state == "done"


def test_a_run_of_bad_rows_alone_is_no_success(batch):
    frame = many_loans(10)
    frame["amount"] = np.nan
    batch.write(frame)
    assert batch.run(max_bad=1.0).state == "failed"


def test_a_run_without_rows_is_no_success(batch):
    batch.write(many_loans(0))
    assert batch.run().state == "failed"


# What is refused before the first row.


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda frame: frame.drop(columns="city"), "has no column 'city' (it has id, amount"),
        (lambda frame: frame.assign(age="x"), "column 'age' holds "),
        (lambda frame: frame.assign(amount=True), "column 'amount' holds bool, and the model"),
        (
            lambda frame: frame.assign(city=pd.Timestamp("2026-01-01")),
            "column 'city' holds timestamp",
        ),
    ],
)
def test_a_file_of_other_columns_is_refused_before_any_row(batch, change, message):
    batch.write(many_loans(10), "a.parquet")
    batch.write(change(many_loans(10)), "b.parquet")
    with pytest.raises(BatchError) as caught:
        batch.run()
    assert "b.parquet" in str(caught.value)
    assert message in str(caught.value)
    assert not batch.out.exists()


def test_a_broken_file_among_ten_is_refused_by_name(batch):
    for number in range(9):
        batch.write(many_loans(10), f"{number}.parquet")
    (batch.inputs / "9.parquet").write_bytes(b"PAR1 nonsense PAR1")
    with pytest.raises(BatchError, match=r"9\.parquet cannot be read as Parquet"):
        batch.run()


def test_a_column_to_keep_that_is_not_there_is_refused(batch):
    batch.write(many_loans(10))
    with pytest.raises(BatchError, match="no column 'date' to keep"):
        batch.run(keep=["date"])


def test_no_file_at_all_is_refused(batch):
    with pytest.raises(BatchError, match="matches no file"):
        batch.run()


def test_a_bundle_that_was_changed_is_never_loaded(batch, tmp_path):
    import shutil

    bundle, public_key = batch.bundles("logistic")
    changed = shutil.copytree(bundle, tmp_path / "changed")
    (changed / "model.onnx").write_bytes(b"another model")
    batch.write(many_loans(10))
    batch.bundles = lambda _name: (changed, public_key)
    with pytest.raises(BatchError, match=r"model\.onnx was changed after it was signed"):
        batch.run()


def test_a_process_that_makes_no_frames_never_imports_pandas(batch):
    """Its import takes longer than all else of a run's start."""
    batch.write(spoilt(amount=np.nan))
    code = (
        "import sys; from batch.__main__ import main; code = main(); "
        "print('pandas' in sys.modules, file=sys.stderr); sys.exit(code)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        input=msgspec.json.encode(batch.job(max_bad=1.0)),
        capture_output=True,
        cwd=ROOT,
        check=True,
    )
    assert done.stderr.split() == [b"False"]
    assert batch.predictions().count(None) == 1


class Clocked:
    """A model by its costs: `call` seconds each, `row` seconds a row; keeps the rows of each call.

    slip: so many seconds more in its first calls, by their numbers.
    """

    def __init__(self, call, row, slip=None):
        self.call, self.row, self.slip = call, row, slip or {}
        self.now, self.asked = 0.0, []

    def answer(self, columns):
        rows = row_count(columns)
        self.now += self.call + self.row * rows + self.slip.get(len(self.asked), 0.0)
        self.asked.append(rows)


@pytest.mark.parametrize(
    ("model", "best"),
    [
        (Clocked(call=1e-4, row=1e-7), 16_384),
        (Clocked(call=1e-6, row=1e-6), 1024),
        # A busy moment while the smallest ones are tried.
        (Clocked(call=1e-6, row=1e-6, slip={0: 0.05, 1: 0.05}), 1024),
    ],
)
def test_the_chunk_is_the_smallest_that_is_about_as_fast_as_any(batch, monkeypatch, model, best):
    loaded = batch.loaded("logistic")
    monkeypatch.setattr(loaded, "model", model)
    monkeypatch.setattr("batch.model.time.perf_counter", lambda: model.now)
    assert loaded.best_chunk() == best


def test_a_slow_model_is_not_asked_for_thousands_of_rows_before_the_first(batch, monkeypatch):
    loaded, slow = batch.loaded("logistic"), Clocked(call=0.0, row=1e-3)
    monkeypatch.setattr(loaded, "model", slow)
    monkeypatch.setattr("batch.model.time.perf_counter", lambda: slow.now)
    assert loaded.best_chunk() == 1024
    assert slow.asked == [1024, 1024]
