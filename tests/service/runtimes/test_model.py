"""The two runtimes: the same predictions for the same rows, and a failing row hurts no other."""

import os
import subprocess
import sys

import msgspec
import numpy as np
import pytest
import sklearn

from service.bundle import BundleError, Column, verify_bundle
from service.rows import RowReader
from service.runtimes.failed_rows import SEARCH_ATTEMPTS, RowFailures, predict_each
from service.runtimes.load_model import load_model
from service.runtimes.model import ArraysRowByRow, RowByRow
from service.runtimes.onnx_model import _onnx_array, feeds_of
from tests.delivery.delivery_harness import ROOT, resign, vouch
from tests.delivery.loan_pipelines import CITIES, ROW, loans
from tests.service.service_client import predict

TOLERANCE = 1e-5
RUNTIMES = ("onnx", "sklearn")


class Toy:
    """Doubles x; fails on what `bad` says, and keeps how many rows it was asked at a time."""

    name = "toy"

    def __init__(self, bad=lambda array: False, answer=lambda array: (array * 2).tolist()):
        self.bad, self.values, self.asked = bad, answer, []

    def predict(self, columns):
        array = columns["x"]
        self.asked.append(len(array))
        if self.bad(array):
            raise ValueError(f"not these: {array.tolist()}")
        return self.values(array)


def numbers(count):
    """Columns of that many rows."""
    return {"x": np.arange(count, dtype=np.float64)}


def strangers(count=400):
    """Loans of all kinds as JSON: nulls where allowed, cities nobody knows, numbers far away."""
    frame = loans(3, count)
    frame["amount"] *= np.where(np.arange(count) % 9 == 0, 1000, 1)
    frame["city"] = [[*CITIES, "Rome", "", "oslo", "東京"][i % 7] for i in range(count)]
    frame.loc[::3, "income"] = np.nan
    return msgspec.json.decode(frame.to_json(orient="records", double_precision=10))


@pytest.mark.parametrize("name", ["logistic", "grade_odds", "grades", "flags", "floats", "price"])
def test_both_runtimes_predict_the_same_also_for_nulls_and_unknown_categories(served, name):
    rows = strangers()
    onnx, whole = (predict(served(name, item), *rows).json for item in RUNTIMES)
    assert len(onnx["predictions"]) == len(rows)
    if isinstance(whole["predictions"][0], list | float) and name != "floats":
        far = np.abs(np.array(onnx["predictions"]) - np.array(whole["predictions"]))
        assert (far / np.maximum(1, np.abs(whole["predictions"]))).max() < TOLERANCE
    else:
        # The text of the answers: 1, 1.0 and true are equal in Python and not to a caller.
        assert msgspec.json.encode(onnx["predictions"]) == msgspec.json.encode(whole["predictions"])

    assert onnx.get("classes") == whole.get("classes")


def test_both_runtimes_fail_on_the_same_rows(served, monkeypatch):
    # However slow the host is.
    monkeypatch.setattr("service.runtimes.failed_rows.MOST_SEARCH_S", 1000.0)
    monkeypatch.setattr("service.runtimes.failed_rows.LEAST_SEARCH_S", 1000.0)
    rows = strangers(40)
    onnx, whole = (predict(served("strict", item), *rows).json for item in RUNTIMES)
    failed = [i for i, row in enumerate(rows) if row["city"] not in CITIES]
    assert (
        [error["row"] for error in onnx["errors"]]
        == [error["row"] for error in whole["errors"]]
        == failed
    )
    assert all((answer is None) == (i in failed) for i, answer in enumerate(onnx["predictions"]))


def test_a_version_on_onnx_imports_neither_scikit_learn_nor_pandas(harness, delivered):
    text = f"""
import sys
from tests.service.service_client import client, config, predict
from service.app import create_app
from pathlib import Path
bundle, key = Path({str(delivered("logistic"))!r}), Path({str(harness.public)!r})
made = client(create_app(config(bundle, key)))
assert predict(made, {ROW}).status_code == 200
assert made.get("/v2/models/loans").status_code == 200
print(*sys.modules)
"""
    done = subprocess.run(
        [sys.executable, "-c", text],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
        check=True,
    )
    present = {name.partition(".")[0] for name in done.stdout.split()}
    assert "onnxruntime" in present
    assert not present & {"sklearn", "pandas", "joblib", "scipy", "skl2onnx"}


def test_a_version_on_onnx_starts_no_thread_and_so_tells_nobody_of_itself(harness, delivered):
    """ONNX Runtime would tell its maker what it loads, from a thread that begins at the import and
    survives no fork.
    """
    text = f"""
import os
from pathlib import Path
from service.bundle import verify_bundle
from service.runtimes.load_model import load_model
load_model(verify_bundle(Path({str(delivered("logistic"))!r}), Path({str(harness.public)!r})))
print(len(os.listdir("/proc/self/task")))
"""
    # Where CI is set it is silent by itself.
    env = {name: value for name, value in os.environ.items() if name != "CI"} | {
        "OPENBLAS_NUM_THREADS": "1"
    }
    command = [sys.executable, "-c", text]
    done = subprocess.run(
        command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=300, check=True
    )
    assert done.stdout == "1\n"


def test_a_runtime_that_is_not_certified_is_refused_with_the_reason(bundle):
    with pytest.raises(BundleError, match="ONNX is not certified \\(it does not convert: "):
        load_model(bundle("unnamed"), "onnx")


def test_a_bundle_is_served_by_its_certified_runtime_or_the_pipeline(bundle):
    assert load_model(bundle("logistic")).name == "onnx"
    assert load_model(bundle("logistic"), "sklearn").name == "sklearn"
    assert load_model(bundle("unnamed")).name == "sklearn"


def test_predictions_are_plain_values_of_json(bundle):
    for name, kind in {"grades": str, "flags": bool, "floats": float, "price": float}.items():
        for runtime in RUNTIMES:
            model = load_model(bundle(name), runtime)
            answers = model.predict(
                RowReader(bundle(name).manifest.columns).row_columns([ROW, ROW])
            )
            assert [type(answer) for answer in answers] == [kind, kind], (name, runtime)


def test_a_prediction_that_is_no_number_is_the_failure_of_its_row(served):
    """It would be null in JSON, with status 200, and nobody would notice that a version computes
    nonsense.
    """
    answer = predict(served("explosive"), ROW, {**ROW, "amount": 3e38}, ROW)
    assert answer.status_code == 500
    assert [(error["row"], error["detail"]) for error in answer.json["errors"]] == [
        (1, "ValueError: the model answered NaN or infinity")
    ]
    good, bad, again = answer.json["predictions"]
    assert bad is None
    assert good == again > 0


class Input:
    """An input of a graph, as a session describes it."""

    def __init__(self, name, kind):
        self.name, self.type = name, f"tensor({kind})"


def fed(columns, inputs, values):
    """What is fed to inputs of these types."""
    feeds = feeds_of([Input(name, kind) for name, kind in inputs], columns)
    return {name: convert(values[column]) for name, column, convert in feeds}


@pytest.mark.parametrize(("kind", "dtype"), [("float", np.float32), ("double", np.float64)])
def test_numbers_are_fed_in_the_width_that_the_graph_itself_has(kind, dtype):
    """A bundle of before takes 32 bits, one of today 64."""
    columns = [Column(name="b", dtype="bool", nullable=True)]
    given = np.array([True, False, None], dtype=object)
    made = fed(columns, [("b", kind)], {"b": given})["b"]
    assert (made.dtype, made.shape) == (dtype, (3, 1))
    assert np.array_equal(made.ravel(), [1, 0, np.nan], equal_nan=True)


def test_integers_of_64_bits_keep_every_digit():
    columns = [Column(name="n", dtype="int", nullable=False)]
    made = fed(columns, [("n", "int64")], {"n": np.array([2**62 + 1])})["n"]
    assert made.tolist() == [[2**62 + 1]]


def test_a_column_of_texts_with_nulls_is_two_inputs():
    columns = [
        Column(name="x", dtype="float", nullable=True),
        Column(name="city", dtype="string", nullable=True),
    ]
    values = {"x": np.array([1.0, np.nan]), "city": np.array(["Oslo", None], dtype=object)}
    inputs = [("x", "double"), ("city", "string"), ("is_null_1", "bool")]
    made = fed(columns, inputs, values)
    assert made["city"].tolist() == [["Oslo"], [""]]
    assert made["is_null_1"].tolist() == [[False], [True]]


def test_texts_in_lower_case_are_one_more_input_in_the_letters_of_python():
    columns = [
        Column(name="city", dtype="string", nullable=True),
        Column(name="text", dtype="string", nullable=False),
    ]
    values = {
        "city": np.array(["Oslo", "Bern"], dtype=object),
        "text": np.array(["İSTANBUL", "ΣΑΣ"], dtype=object),
    }
    inputs = [("city", "string"), ("text", "string"), ("is_null_0", "bool")]
    inputs += [("lowered_1", "string")]
    made = fed(columns, inputs, values)
    assert made["lowered_1"].tolist() == [["i̇stanbul"], ["σας"]]
    with pytest.raises(ValueError, match="takes no null"):
        fed(columns[:1], [inputs[0], ("lowered_0", "string")], {"city": np.array([None])})


def test_a_graph_of_other_columns_than_the_manifest_is_refused():
    columns = [Column(name="x", dtype="float", nullable=False)]
    for inputs in ([], [("x", "double"), ("y", "double")]):
        with pytest.raises(ValueError, match="inputs"):
            feeds_of([Input(*each) for each in inputs], columns)


def test_a_whole_batch_is_one_call():
    model = Toy()
    assert predict_each(model, numbers(64), 64) == [i * 2.0 for i in range(64)]
    assert model.asked == [64]


def test_no_rows_are_no_call():
    model = Toy()
    assert predict_each(model, numbers(0), 0) == []
    assert model.asked == []


@pytest.mark.parametrize(
    "bad", [{0}, {63}, {17}, {3, 4}, {0, 31, 32, 63}, set(range(64)), set(range(1, 64))]
)
def test_halving_finds_the_rows_at_fault(bad):
    model = Toy(lambda array: bool(bad & set(array.tolist())))
    with pytest.raises(RowFailures) as failed:
        predict_each(model, numbers(64), 64)

    assert set(failed.value.failures) == bad
    assert failed.value.predictions == [None if i in bad else i * 2.0 for i in range(64)]
    assert all(text.startswith("ValueError: not these") for text in failed.value.failures.values())


def test_halving_costs_few_calls_for_one_bad_row():
    model = Toy(lambda array: 40.0 in array)
    with pytest.raises(RowFailures):
        predict_each(model, numbers(64), 64)
    assert len(model.asked) <= 2 + 2 * 6


@pytest.mark.parametrize("bad", [range(64), range(100, 164), range(448, 512)])
def test_rows_that_fail_beside_each_other_cost_little_more_than_a_call_each(bad):
    model = Toy(lambda array: bool(set(bad) & set(array.tolist())))
    with pytest.raises(RowFailures) as failed:
        predict_each(model, numbers(512), 512)
    assert set(failed.value.failures) == set(bad)
    assert len(model.asked) <= len(bad) + 3 * 9


class Clock:
    """Each attempt of a model takes a second."""

    def __init__(self):
        self.model = None

    def __call__(self):
        return float(len(self.model.asked))


def test_a_search_ends_after_a_while_and_what_it_did_not_tell_apart_has_failed_as_a_whole(
    monkeypatch,
):
    monkeypatch.setattr("service.runtimes.failed_rows.MOST_SEARCH_S", 1000.0)
    clock = Clock()
    clock.model = Toy(lambda array: bool((array >= 128).any() or (array < 2).any()))
    with pytest.raises(RowFailures) as failed:
        predict_each(clock.model, numbers(1024), 1024, clock)

    assert len(clock.model.asked) <= 2 + 2 * SEARCH_ATTEMPTS
    result = failed.value
    assert {0, 1} <= set(result.failures)
    assert not {0, 1} & result.unattributed
    assert result.predictions[2:128] == [i * 2.0 for i in range(2, 128)]
    assert set(range(512, 1024)) <= result.unattributed <= set(result.failures)
    assert "no time to find which" in result.failures[1023]


def test_one_row_at_fault_is_found_however_slow_the_model_is(monkeypatch):
    monkeypatch.setattr("service.runtimes.failed_rows.MOST_SEARCH_S", 1000.0)
    clock = Clock()
    clock.model = Toy(lambda array: 511.0 in array)
    with pytest.raises(RowFailures) as failed:
        predict_each(clock.model, numbers(512), 512, clock)

    assert (set(failed.value.failures), failed.value.unattributed) == ({511}, frozenset())


def test_rows_that_fail_only_together_are_all_answered():
    assert predict_each(Toy(lambda array: len(array) > 1), numbers(5), 5) == [0, 2, 4, 6, 8]


def test_a_failure_is_told_in_one_short_line():
    def answer(array):
        raise RuntimeError("first line " + "x" * 1000 + "\nsecond line")

    with pytest.raises(RowFailures) as failed:
        predict_each(Toy(answer=answer), numbers(1), 1)

    text = failed.value.failures[0]
    assert text.startswith("RuntimeError: first line")
    assert len(text) < 320
    assert "second" not in text


def test_a_failure_without_words_is_told_by_its_kind():
    def answer(array):
        raise KeyError

    with pytest.raises(RowFailures) as failed:
        predict_each(Toy(answer=answer), numbers(1), 1)

    assert failed.value.failures == {0: "KeyError: "}


@pytest.mark.parametrize(
    "answer", [lambda array: array[:1].tolist(), lambda array: [1.0] * (len(array) + 1)]
)
def test_an_answer_of_another_length_is_never_given_to_the_wrong_rows(answer):
    with pytest.raises(RowFailures) as failed:
        predict_each(
            Toy(answer=lambda array: answer(array) if len(array) > 1 else [7.0, 7.0]), numbers(8), 8
        )

    assert failed.value.predictions == [None] * 8
    assert "2 predictions for 1 row" in failed.value.failures[0]


def test_a_pickle_made_by_another_scikit_learn_is_refused(copy, harness):
    path = copy("unnamed")
    own, other = (
        f"{sklearn.__version__[:-1]}{last}".encode() for last in (sklearn.__version__[-1], "x")
    )
    raw = (path / "model.pkl").read_bytes().replace(own, other)
    (path / "model.pkl").write_bytes(raw)
    resign(path, harness.keys, lambda manifest: vouch(manifest, "model.pkl", raw))
    with pytest.raises(
        BundleError, match=r"model\.pkl was made by scikit-learn .*x, and .* is installed"
    ):
        load_model(verify_bundle(path, harness.public))


def test_row_by_row_no_row_meets_another():
    model = Toy(answer=lambda array: (array - array.mean()).tolist())
    assert RowByRow(model).predict(numbers(5)) == [0.0] * 5
    assert model.asked == [1] * 5


def test_row_by_row_a_row_that_fails_hurts_no_other():
    model = RowByRow(Toy(lambda array: 3.0 in array))
    with pytest.raises(RowFailures) as failed:
        predict_each(model, numbers(8), 8)
    assert set(failed.value.failures) == {3}
    assert failed.value.predictions == [None if i == 3 else i * 2.0 for i in range(8)]


def test_a_number_beyond_63_bits_fails_in_the_onnx_form_and_does_not_wrap_around():
    convert = _onnx_array("tensor(int64)", Column(name="n", dtype="int", nullable=False))
    assert convert(np.array([2**63 - 1], dtype=np.uint64)).tolist() == [[2**63 - 1]]
    with pytest.raises(OverflowError, match="a number is beyond 9223372036854775807"):
        convert(np.array([2**63], dtype=np.uint64))


def test_arrays_of_rows_answered_alone_are_put_together():
    class Centred(Toy):
        def answer(self, columns):
            array = columns["x"]
            return {"predict": array - array.mean(), "transform": array.reshape(-1, 1) * 2}

    answer = ArraysRowByRow(Centred()).answer(numbers(3))
    assert answer["predict"].tolist() == [0.0] * 3
    assert answer["transform"].tolist() == [[0.0], [2.0], [4.0]]
