"""Predictions as the protocol's answers, in JSON and in binary, of one output and of several."""

import json
import struct

import pytest

from wire.oip.answer import Answered, answer
from wire.oip.errors import OipError
from wire.oip.request import request_in
from wire.oip.signature import TARGETS, InputParameters, NamedTensor, TensorSignature

PROBABILITIES = NamedTensor("predict_proba", "FP64", [-1, 2])
LABELS = NamedTensor("predict", "BYTES", [-1])
ROWS = [b"[0.25,0.75]", b"[ 0.5, 0.5 ]"]
CLASSES = b'["no","y\\u00e9s"]'
BOTH = TensorSignature([], [PROBABILITIES, LABELS])
OF_TARGETS = NamedTensor("predict_proba", "FP64", [-1, 5], InputParameters(TARGETS))


def said(answered, signature, **asked):
    """The decoded answer and the binary data after it."""
    request = request_in(json.dumps({"inputs": [], **asked}).encode())
    body, json_bytes = answer(request, answered, signature)
    return json.loads(body[:json_bytes]), body[json_bytes:] if json_bytes else b""


def test_a_plain_answer_names_model_version_and_output():
    answered = Answered("m", "v1", ROWS, CLASSES, more={"prediction_id": "p"})
    only = TensorSignature([], [PROBABILITIES])
    found, rest = said(answered, only, id="i", parameters={"a": 1, "binary_data_output": False})
    assert rest == b""
    assert found == {
        "model_name": "m",
        "model_version": "v1",
        "id": "i",
        "parameters": {"a": 1, "prediction_id": "p"},
        "outputs": [
            {
                "name": "predict_proba",
                "shape": [2, 2],
                "datatype": "FP64",
                "data": [0.25, 0.75, 0.5, 0.5],
            }
        ],
    }


@pytest.mark.parametrize(
    ("rows", "output"),
    [
        ([b"1.5"], {"name": "predict", "datatype": "FP64", "shape": [1], "data": [1.5]}),
        ([b"7"], {"name": "predict", "datatype": "INT64", "shape": [1], "data": [7]}),
        ([b"true"], {"name": "predict", "datatype": "BOOL", "shape": [1], "data": [True]}),
        ([b'"a,b"'], {"name": "predict", "datatype": "BYTES", "shape": [1], "data": ["a,b"]}),
    ],
)
def test_a_version_that_could_not_be_asked_is_answered_by_what_it_said(rows, output):
    found, _ = said(Answered("m", "v1", rows), None)
    assert found["outputs"] == [output]


def test_each_output_may_be_asked_for_in_its_own_form():
    answered = Answered("m", "v1", ROWS, CLASSES, {"predict": [b'"y\xc3\xa9s"', b'"no"']})
    found, rest = said(answered, BOTH)
    assert [output["name"] for output in found["outputs"]] == ["predict_proba", "predict"]
    assert found["outputs"][1]["data"] == ["yés", "no"]

    binary = {"binary_data": True}
    asked = [{"name": "predict", "parameters": binary}]
    found, rest = said(answered, BOTH, outputs=asked)
    assert found["outputs"] == [
        {
            "name": "predict",
            "shape": [2],
            "datatype": "BYTES",
            "parameters": {"binary_data_size": len(rest)},
        }
    ]
    assert rest == b"\4\0\0\0y\xc3\xa9s\2\0\0\0no"

    found, rest = said(answered, BOTH, parameters={"binary_data_output": True})
    assert [output["parameters"]["binary_data_size"] for output in found["outputs"]] == [32, 14]
    assert struct.unpack("<4d", rest[:32]) == (0.25, 0.75, 0.5, 0.5)


def test_the_most_probable_classes_come_first():
    answered = Answered("m", "v1", ROWS, CLASSES)
    asked = [{"name": "predict_proba", "parameters": {"class_count": 1}}]
    found, _ = said(answered, BOTH, outputs=asked)
    assert found["outputs"] == [
        {
            "name": "predict_proba",
            "shape": [2, 1],
            "datatype": "BYTES",
            "data": ["0.75:1:yés", "0.5:0:no"],
        }
    ]


def test_lists_of_lists_have_their_own_shape():
    deep = TensorSignature([], [NamedTensor("predict_proba", "FP64", [-1, 2, 2])])
    found, _ = said(Answered("m", "v1", [b"[[0.1,0.9],[0.5,0.5]]"]), deep)
    (output,) = found["outputs"]
    assert (output["shape"], output["data"]) == ([1, 2, 2], [0.1, 0.9, 0.5, 0.5])


@pytest.mark.parametrize(
    ("outputs", "reason"),
    [
        ([{"name": "nope"}], "there is no output 'nope': the outputs are predict_proba, predict"),
        (
            [{"name": name} for name in ("predict_proba", "predict", "predict")],
            "'predict' is asked for twice",
        ),
        ([{"name": "n" * 100_000}], "nnn \\.\\.\\. .*the outputs are predict_proba, predict$"),
        ([{"name": "predict", "parameters": {"class_count": 1}}], "has no probabilities"),
        ([{"name": "predict_proba", "parameters": {"class_count": 0.5}}], "a number of classes"),
    ],
)
def test_an_output_that_is_not_there_is_refused(outputs, reason):
    with pytest.raises(OipError, match=reason):
        said(Answered("m", "v1", ROWS, CLASSES), BOTH, outputs=outputs)


def test_probabilities_of_several_targets_stand_one_after_another():
    answered = Answered("m", "v1", [b"[[0.5,0.5],[0.2,0.3,0.5]]"])
    found, _ = said(answered, TensorSignature([], [OF_TARGETS]))
    (tensor,) = found["outputs"]
    assert (tensor["shape"], tensor["data"]) == ([1, 5], [0.5, 0.5, 0.2, 0.3, 0.5])
    with pytest.raises(OipError, match="has no probabilities of one target"):
        said(
            answered,
            TensorSignature([], [OF_TARGETS]),
            outputs=[{"name": "predict_proba", "parameters": {"classification": 1}}],
        )
