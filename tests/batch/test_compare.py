"""Two versions over the same files: where they differ, row for row, and for whom."""

import dataclasses
import os
import signal
import stat
import subprocess
import sys
from functools import partial

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import batch.inputs.work_units
from batch.compare.compare_unit import UnitComparer
from batch.compare.comparison import RunComparison
from batch.errors import BatchError
from rollout.differences.summary import RowErrors
from tests.batch.batch_harness import ROOT, WAIT_S, many_loans
from tests.batch.compare_harness import CompareHarness, changes_of, summary
from tests.delivery.test_outputs import HELD_OUT
from tests.until import until


@pytest.fixture
def compare(bundles, tmp_path):
    """A harness with the loans' recipes."""
    return CompareHarness(tmp_path, bundles)


@pytest.fixture
def compare_outputs(bundles_of, tmp_path):
    """The same with the recipes of tests/batch/output_recipes.py."""
    harness = CompareHarness(tmp_path, bundles_of("tests.batch.output_recipes"))
    harness.write(HELD_OUT)
    return harness


@pytest.fixture
def small_units(monkeypatch):
    """Units of one row group."""
    monkeypatch.setattr(batch.inputs.work_units, "UNIT_ROWS", 1)


def same_summary(compared, replayed, rows=True):
    """Whether a comparison says what a replay says, apart from the file and row of the worst.

    rows: whether the values of the worst rows are compared too, which are texts in some formats.
    """
    of_files, of_replay = dataclasses.asdict(compared), dataclasses.asdict(replayed)
    for change in of_files["worst"]:
        del change["row"]["file"], change["row"]["row"]

    if not rows:
        for change in (*of_files["worst"], *of_replay["worst"]):
            del change["row"]

    assert rounded(of_files) == rounded(of_replay)


def rounded(value):
    """The same with twelve digits of each number, since sums in another order have other last
    ones.
    """
    if isinstance(value, float):
        return float(f"{value:.12g}")
    if isinstance(value, dict):
        return {name: rounded(part) for name, part in value.items()}
    if isinstance(value, list):
        return list(map(rounded, value))

    return value


@pytest.mark.parametrize(
    ("today", "tomorrow"),
    [
        ("logistic", "trees"),
        ("logistic", "strict"),
        ("price", "rate"),
        ("grades", "flags"),
        ("grade_odds", "logistic"),
        ("logistic", "price"),
        ("floats", "grades"),
    ],
)
def test_the_summary_is_that_of_a_replay_of_the_same_rows(compare, small_units, today, tomorrow):
    frame = many_loans(1500)
    compare.write(frame, row_group_size=400)
    compared = summary(compare.compare(today, tomorrow))
    same_summary(compared, compare.replayed(today, tomorrow, frame.drop(columns="id")))


@pytest.mark.parametrize(
    ("today", "tomorrow"),
    [
        ("kinds", "other_kinds"),
        ("two_numbers", "other_numbers"),
        ("two_odds", "other_odds"),
        ("margins", "other_margins"),
        ("kinds", "margins"),
    ],
)
def test_several_outputs_and_targets_are_compared_as_in_a_replay(compare_outputs, today, tomorrow):
    compared = summary(compare_outputs.compare(today, tomorrow))
    same_summary(compared, compare_outputs.replayed(today, tomorrow, HELD_OUT))


def test_rows_that_differ_are_written_with_both_predictions_and_their_difference(compare):
    frame = many_loans(1000)
    compare.write(frame, row_group_size=300)
    compared = compare.compare("logistic", "trees", keep=["id"], tolerance=0.2)
    table = compare.differing()
    assert table.column_names == [
        *("file", "row", "id"),
        *("logistic_probability_0", "logistic_probability_1"),
        *("trees_probability_0", "trees_probability_1", "difference", "change", "reason"),
    ]
    assert table.num_rows == compared.written
    first = pq.read_table(compare.predictions_of("logistic") / "rows.parquet").to_pylist()
    second = pq.read_table(compare.predictions_of("trees") / "rows.parquet").to_pylist()
    expected = []
    for row, (one, other) in enumerate(zip(first, second, strict=True)):
        distance = abs(one["probability_0"] - other["probability_0"])
        flip = (one["probability_0"] >= 0.5) != (other["probability_0"] >= 0.5)
        if distance > 0.2 or flip:
            expected.append((row, one["id"], distance, flip))

    written = table.to_pylist()
    assert [(row["row"], row["id"]) for row in written] == [line[:2] for line in expected]
    assert [row["difference"] for row in written] == pytest.approx([x[2] for x in expected])
    assert [row["change"] == "another answer" for row in written] == [x[3] for x in expected]
    assert 0 < table.num_rows < 1000


def test_versions_that_answer_alike_differ_in_nothing(compare):
    compare.write(many_loans(300))
    compared = compare.compare("logistic", "strict")
    assert (compared.written, summary(compared).for_whom) == (0, [])
    assert compare.differing().num_rows == 0


def test_a_row_that_one_version_alone_fails_on_is_a_difference(compare):
    frame = many_loans(600)
    frame.loc[300, "city"] = "Atlantis"
    frame.loc[500, "amount"] = None
    compare.write(frame, row_group_size=250)
    compared = compare.compare("logistic", "strict", keep=["id"], tolerance=1.0)
    (row,) = [row for row in compare.differing().to_pylist() if row["row"] == 300]
    assert (row["id"], row["change"]) == ("loan-300", "only strict fails")
    assert row["reason"].startswith("the model failed: ")
    assert row["strict_probability_0"] is None
    assert row["logistic_probability_0"] is not None
    assert row["difference"] is None
    assert 500 not in compare.differing()["row"].to_pylist()
    assert summary(compared).failed_both == 1
    (error,) = summary(compared).errors
    assert (error.version, error.column, error.rows) == ("strict", None, 1)


def test_the_column_at_fault_is_named_with_an_example(compare, monkeypatch):
    compare.write(many_loans(100))
    compare.predict("logistic")
    compare.predict("trees")
    report = compare.predictions_of("trees") / "_bad_rows.jsonl"
    bad = {"file": "rows.parquet", "row": 7, "reason": "column 'age': Expected `int`, got `float`"}
    report.write_bytes(msgspec.json.encode(bad) + b"\n")
    compared = summary(compare.compare("logistic", "trees"))
    assert compared.errors == [RowErrors("trees", "age", 1, "Expected `int`, got `float`")]


@pytest.mark.parametrize("kind", ["csv", "jsonl"])
def test_other_formats_give_the_same_and_are_written_in_their_own(compare, kind):
    frame = many_loans(800)
    compare.write(frame, f"rows.{kind}")
    compared = summary(compare.compare("logistic", "trees", keep=["id"]))
    replayed = compare.replayed("logistic", "trees", frame.drop(columns="id"))
    same_summary(compared, replayed, rows=False)
    lines = (compare.out / "differences" / f"rows.{kind}").read_text().splitlines()
    assert len(lines) == 800 + (kind == "csv")
    assert "loan-0" in lines[kind == "csv"]


def test_a_folder_of_files_has_differences_file_for_file(compare):
    frame = many_loans(900)
    for number in range(3):
        compare.write(frame.iloc[number * 300 : (number + 1) * 300], f"{number}.parquet")

    compared = compare.compare("logistic", "trees")
    assert summary(compared).rows == 900
    table = compare.differing("2.parquet")
    assert changes_of(table, ["file", "row"])[0] == ("2.parquet", 0)
    assert (compare.out / "_SUCCESS").exists()
    assert not (compare.out / "_parts").exists()
    notes = compare.out / "_sluice.json"
    assert stat.S_IMODE(notes.stat().st_mode) == 0o600


# Going on.


def test_what_was_compared_is_not_compared_again(compare, small_units, monkeypatch):
    compare.write(many_loans(1000), row_group_size=100)
    asked = []
    unbroken = UnitComparer.compare

    def breaking(self, unit, *more):
        asked.append(unit.number)
        if len(asked) == 4:
            raise OSError(28, "No space left on device")
        return unbroken(self, unit, *more)

    monkeypatch.setattr(UnitComparer, "compare", breaking)
    with pytest.raises(BatchError, match="No space left on device"):
        compare.compare("logistic", "trees")
    assert not (compare.out / "differences").exists()
    compared = compare.compare("logistic", "trees")
    assert asked == [0, 1, 2, 3, 3, 4, 5, 6, 7, 8, 9]
    assert compared.written == compare.differing().num_rows == 1000


def test_bad_rows_are_told_also_after_a_resumption(compare, small_units, monkeypatch):
    frame = many_loans(400)
    for row in (50, 150, 250, 350):
        frame.loc[row, "city"] = "Atlantis"

    compare.write(frame, row_group_size=100)
    unbroken = UnitComparer.compare

    def breaking(self, unit, *more):
        if unit.number == 2:
            raise OSError(28, "No space left on device")
        return unbroken(self, unit, *more)

    with monkeypatch.context() as patch:
        patch.setattr(UnitComparer, "compare", breaking)
        with pytest.raises(BatchError):
            compare.compare("logistic", "strict")

    compared = compare.compare("logistic", "strict")
    assert summary(compared).errors[0].rows == 4
    failed = compare.differing().filter(pa.compute.field("change") == "only strict fails")
    assert failed["row"].to_pylist() == [50, 150, 250, 350]


def test_a_comparison_killed_at_any_moment_goes_on_to_the_same_output(compare, tmp_path):
    compare.write(many_loans(1_200_000), row_group_size=100_000)
    compare.predict("logistic")
    compare.predict("flags")
    job = compare.comparison_job("logistic", "flags")
    for parts in range(1, 3):
        process = start(job)
        until(partial(are_compared, compare, parts), "a unit is compared")
        os.kill(process.pid, signal.SIGKILL)
        process.stdout.close()
        process.wait(WAIT_S)

    process = start(job)
    with process.stdout as lines:
        events = list(map(msgspec.json.decode, lines))
    assert process.wait(WAIT_S) == 0
    assert events[0]["resumed_rows"] > 0
    resumed = (compare.out / "differences" / "rows.parquet").read_bytes()

    undisturbed = msgspec.structs.replace(job, out=str(tmp_path / "undisturbed"))
    process = start(undisturbed)
    process.communicate(timeout=WAIT_S)
    path = tmp_path / "undisturbed" / "differences" / "rows.parquet"
    assert resumed == path.read_bytes()


def are_compared(compare, units):
    """Whether so many units are compared."""
    return len(list((compare.out / "_parts").glob("*.json"))) >= units


def start(job):
    """A comparison in a process of its own."""
    process = subprocess.Popen(
        [sys.executable, "-m", "batch.compare"],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    process.stdin.write(msgspec.json.encode(job))
    process.stdin.close()
    process.stdin = None
    return process


def test_a_finished_comparison_is_not_done_again_unless_it_is_another_one(compare):
    compare.write(many_loans(500))
    first = compare.compare("logistic", "trees")
    path = compare.out / "differences" / "rows.parquet"
    at = path.stat().st_mtime_ns
    assert compare.compare("logistic", "trees") == first
    assert path.stat().st_mtime_ns == at

    wider = compare.compare("logistic", "trees", tolerance=1.0)
    assert wider.written == summary(wider).flips == compare.differing().num_rows < first.written


def test_another_comparison_is_refused_in_the_folder(compare):
    compare.write(many_loans(50))
    compare.compare("logistic", "trees")
    with pytest.raises(BatchError, match="holds a comparison of logistic and trees"):
        compare.compare("logistic", "flags")


def test_an_input_that_changed_between_the_two_runs_is_refused_by_name(compare):
    compare.write(many_loans(50))
    compare.predict("logistic")
    path = compare.write(many_loans(60))
    compare.predict("trees")
    job = compare.comparison_job("logistic", "trees")
    with pytest.raises(BatchError, match="was changed since") as caught:
        RunComparison(job, compare.events.append).run()
    assert str(path) in str(caught.value)


def test_a_run_that_did_not_succeed_is_not_compared(compare):
    compare.write(many_loans(50))
    compare.predict("logistic")
    compare.predict("trees")
    (compare.predictions_of("trees") / "_SUCCESS").unlink()
    with pytest.raises(BatchError, match="holds no finished run"):
        RunComparison(compare.comparison_job("logistic", "trees"), compare.events.append).run()
