"""What the verdict reads of a prediction: of the first output, and there of the first target."""

import pytest

from rollout.state.classes import answers_of
from router.evidence.prediction_values import PredictionReader


def read(raw, task="", classes=None, output="", names=b"null"):
    """Score and class."""
    reader = PredictionReader(answers_of(task, classes, output))
    return reader.read(raw, reader.names(names))


def test_of_probabilities_the_largest_names_the_class():
    known = ("classification", ["x", "y"], "predict_proba")
    assert read(b"[0.7,0.3]", *known, b'["x","y"]') == (0.3, "x")


def test_of_probabilities_of_several_targets_it_reads_the_first():
    known = ("classification", ["x", "y"], "predict_proba")
    classes = b'[["x","y"],["a","b","c"]]'
    assert read(b"[[0.2,0.8],[1.0,0.0,0.0]]", *known, classes) == (0.8, "y")


def test_of_several_numbers_it_reads_the_first():
    assert read(b"[1.5,90.0]", "regression", None, "predict") == (1.5, "")
    assert read(b"[2,90]", "regression", None, "predict") == (2.0, "")


def test_of_several_classes_it_reads_the_first():
    assert read(b'["y","a"]', "classification", ["x", "y"], "predict") == (0.0, "y")
    assert read(b"[1,0]", "classification", [0, 1], "predict") == (1.0, "1")


@pytest.mark.parametrize(("raw", "name"), [(b"0.3", "y"), (b"-0.3", "x"), (b"0.0", "x")])
def test_the_sign_of_a_decision_names_the_class(raw, name):
    known = ("classification", ["x", "y"], "decision_function")
    assert read(raw, *known) == (float(raw), name)


def test_the_largest_of_several_decisions_names_the_class():
    known = ("classification", ["x", "y", "z"], "decision_function")
    assert read(b"[-1.0,-0.5,-2.0]", *known, b'["x","y","z"]') == (-2.0, "y")


@pytest.mark.parametrize(
    ("task", "output"), [("transformation", "transform"), ("scoring", "score_samples")]
)
def test_transforms_and_scores_are_values(task, output):
    assert read(b"[0.1,0.9]", task, ["x", "y"], output) == (0.1, "")
    assert read(b"-0.4", task, None, output) == (-0.4, "")
