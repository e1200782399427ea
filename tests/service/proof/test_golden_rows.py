"""A version proves itself by its golden rows, or it does not start."""

import json
from pathlib import Path

import pytest

from service.app import create_app
from service.bundle import BundleError
from service.comparison import same
from service.proof.golden_rows import prove, read_golden
from service.runtimes.load_model import load_model
from tests.delivery.delivery_harness import resign, vouch
from tests.service.service_client import config


@pytest.fixture
def edited(copy, harness):
    """edited(name, change): a bundle whose golden lines were changed, rightly signed again."""

    def make(name, change):
        path = copy(name)
        lines = [json.loads(line) for line in (path / "golden.jsonl").read_text().splitlines()]
        raw = b"\n".join(
            line if isinstance(line, bytes) else json.dumps(line).encode()
            for line in change(lines) or lines
        )
        (path / "golden.jsonl").write_bytes(raw)
        resign(path, harness.keys, lambda manifest: vouch(manifest, "golden.jsonl", raw))
        return config(path, harness.public)

    return make


def refused(made):
    """What keeps the app from being made."""
    with pytest.raises(BundleError) as error:
        create_app(made)
    return str(error.value)


@pytest.mark.parametrize(
    "name", ["logistic", "grades", "flags", "floats", "price", "strict", "unnamed"]
)
def test_a_version_answers_its_golden_rows(bundle, name):
    assert (
        prove(bundle(name), load_model(bundle(name))) == bundle(name).manifest.golden["rows"] > 40
    )


@pytest.mark.parametrize("name", ["logistic", "grades", "flags", "floats", "price"])
def test_the_golden_rows_hold_on_the_pipeline_too(bundle, name):
    assert prove(bundle(name), load_model(bundle(name), "sklearn")) > 40


def test_golden_rows_hold_nulls_where_there_are_any(bundle, delivered):
    rows = [
        item.row
        for item in read_golden(bundle("logistic").read("golden.jsonl"), Path("golden.jsonl"))
    ]
    assert 3 <= sum(row["income"] is None for row in rows) < len(rows) / 2


def _probability(lines):
    lines[6]["prediction"][0] += 0.001


def _class(lines):
    lines[6]["prediction"] = "good" if lines[6]["prediction"] == "bad" else "bad"


@pytest.mark.parametrize(("name", "change"), [("logistic", _probability), ("grades", _class)])
def test_one_wrong_golden_answer_keeps_the_version_from_starting(edited, name, change):
    assert "golden.jsonl, line 7: predicts" in refused(edited(name, change))


def _rate(lines):
    lines[6]["prediction"] += 1e-9


def test_small_golden_answers_are_compared_by_the_scale_that_the_manifest_names(edited, harness):
    made = edited("rate", _rate)
    assert "golden.jsonl, line 7: predicts" in refused(made)
    # A bundle from before the scale was written down is read as it was then.
    resign(made.bundle, harness.keys, lambda manifest: manifest["comparison"].pop("scale"))
    create_app(made)


def test_a_prediction_of_another_shape_keeps_the_version_from_starting(edited):
    for wrong in ([0.5], 0.5, None, [[0.5, 0.5]], "bad"):
        assert not same(wrong, [0.5, 0.5], 1e-5)
    assert "line 1: predicts" in refused(
        edited("logistic", lambda lines: lines[0].update(prediction=[1.0]))
    )


def test_a_difference_within_the_certified_tolerance_is_allowed(edited):
    def change(lines):
        lines[6]["prediction"][0] += 5e-6

    create_app(edited("logistic", change))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda lines: [b"nonsense", *lines], "line 1 is not a golden row"),
        (lambda lines: [lines[0], {"row": 1, "prediction": 1}], "line 2 is not a golden row"),
        (lambda lines: [{"row": lines[0]["row"]}], "line 1 is not a golden row"),
        (lambda lines: [b""], "has no golden rows"),
        (lambda lines: lines[0]["row"].pop("city"), "missing required field `city`"),
        (lambda lines: lines[0]["row"].update(age="old"), "Expected `int`"),
    ],
)
def test_golden_rows_that_cannot_be_read_are_named(edited, change, message):
    def kept(lines):
        made = change(lines)
        return made if isinstance(made, list) else None

    result = refused(edited("logistic", kept))
    assert message in result
    assert "golden.jsonl" in result


@pytest.mark.parametrize("position", [0, 20, -1])
def test_a_golden_row_that_the_model_fails_on_keeps_it_from_starting(edited, position):
    """Among the rows that warm the model up, and after them."""
    message = refused(edited("strict", lambda lines: lines[position]["row"].update(city="Rome")))
    assert "the model does not answer its golden rows: " in message
    assert "rows failed, the first with " in message
