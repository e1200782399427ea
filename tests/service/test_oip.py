"""The Open Inference Protocol v2, as its clients speak it."""

import msgspec
import pytest

from service.bundle import Output
from service.oip import metadata
from tests.delivery.loan_pipelines import ROW
from tests.service.service_client import predict, tensors

URL = "/v2/models/loans"
INPUTS = [
    {"name": "amount", "datatype": "FP64", "shape": [-1, 1]},
    {"name": "age", "datatype": "INT64", "shape": [-1, 1]},
    {"name": "member", "datatype": "BOOL", "shape": [-1, 1]},
    {"name": "city", "datatype": "BYTES", "shape": [-1, 1]},
    {"name": "income", "datatype": "FP64", "shape": [-1, 1]},
]


def infer(client, inputs, **more):
    """POST infer."""
    return client.post(f"{URL}/infer", json={"inputs": inputs, **more})


def refused(answer, status=400):
    """What the protocol's error says."""
    assert answer.status_code == status
    assert set(answer.json) == {"error"}
    return answer.json["error"]


def changed(name, **changes):
    """Two rows as tensors, one of them changed."""
    return [tensor | (changes if tensor["name"] == name else {}) for tensor in tensors(ROW, ROW)]


@pytest.mark.parametrize(
    ("name", "platform", "output"),
    [
        (
            "logistic",
            "sluice_onnx",
            {"name": "predict_proba", "datatype": "FP64", "shape": [-1, 2]},
        ),
        (
            "grade_odds",
            "sluice_onnx",
            {"name": "predict_proba", "datatype": "FP64", "shape": [-1, 3]},
        ),
        ("grades", "sluice_onnx", {"name": "predict", "datatype": "BYTES", "shape": [-1]}),
        ("flags", "sluice_onnx", {"name": "predict", "datatype": "BOOL", "shape": [-1]}),
        ("floats", "sluice_onnx", {"name": "predict", "datatype": "FP64", "shape": [-1]}),
        ("price", "sluice_onnx", {"name": "predict", "datatype": "FP64", "shape": [-1]}),
        (
            "unnamed",
            "sluice_sklearn",
            {"name": "predict_proba", "datatype": "FP64", "shape": [-1, 2]},
        ),
    ],
)
def test_the_metadata_tells_inputs_and_output(served, name, platform, output):
    reported = served(name).get(URL).json
    assert reported == {
        "name": "loans",
        "versions": [name],
        "platform": platform,
        "inputs": INPUTS,
        "outputs": [output],
    }
    assert served(name).get(f"{URL}/versions/{name}").json == reported


def test_the_server_and_the_model_say_that_they_are_ready(served):
    client = served("logistic")
    assert client.get("/v2/health/ready").json == {"ready": True}
    assert client.get(f"{URL}/ready").json == {
        "name": "loans",
        "version": "logistic",
        "ready": True,
    }
    assert client.get(f"{URL}/versions/logistic/ready").json["ready"] is True
    assert client.get("/v2").json["name"] == "sluice"


@pytest.mark.parametrize(
    "where", ["/v2/models/other", f"{URL}/versions/v9", f"{URL}/versions/v9/ready"]
)
def test_another_model_or_version_is_not_there(served, where):
    assert served("logistic").get(where).status_code == 404
    assert served("logistic").post(f"{where}/infer", json={"inputs": []}).status_code == 404


@pytest.mark.parametrize(
    "name", ["logistic", "grades", "grade_odds", "flags", "floats", "price", "unnamed"]
)
def test_an_inference_gives_what_predict_gives_in_the_datatype_that_the_metadata_tells(
    served, name
):
    rows = [ROW, {**ROW, "city": "Bergen", "income": None, "amount": 9000.0}]
    expected = predict(served(name), *rows).json["predictions"]
    reported = served(name).get(URL).json["outputs"][0]
    answer = infer(served(name), tensors(*rows)).json
    assert (answer["model_name"], answer["model_version"]) == ("loans", name)
    (output,) = answer["outputs"]
    assert (output["name"], output["datatype"]) == (reported["name"], reported["datatype"])
    if reported["name"] == "predict_proba":
        assert output["shape"] == [2, reported["shape"][1]]
        expected = [value for row in expected for value in row]
    else:
        assert output["shape"] == [2]

    assert output["data"] == expected


def test_columns_of_shape_n_1_flat_or_nested_are_the_same_as_n(served):
    rows = [ROW, {**ROW, "amount": 9000.0}]
    plain = infer(served("logistic"), tensors(*rows)).json["outputs"]
    flat = [tensor | {"shape": [2, 1]} for tensor in tensors(*rows)]
    nested = [tensor | {"data": [[value] for value in tensor["data"]]} for tensor in flat]
    assert infer(served("logistic"), flat).json["outputs"] == plain
    assert infer(served("logistic"), nested).json["outputs"] == plain
    assert infer(served("logistic"), list(reversed(nested))).json["outputs"] == plain


def test_the_versions_own_path_infers_too(served):
    body = {"inputs": tensors(ROW)}
    answers = [
        served("logistic").post(f"{URL}{path}/infer", json=body).json
        for path in ("", "/versions/logistic")
    ]
    assert answers[0] == answers[1]


def test_bytes_are_text_of_any_alphabet(served):
    rows = [{**ROW, "city": "Tromsø"}, {**ROW, "city": "東京"}]
    assert infer(served("unnamed"), tensors(*rows)).json["outputs"][0]["data"][:2] == pytest.approx(
        predict(served("unnamed"), rows[0]).json["predictions"][0]
    )


def test_the_id_comes_back_and_only_when_it_was_given(served):
    assert infer(served("logistic"), tensors(ROW), id="mine ø").json["id"] == "mine ø"
    assert "id" not in infer(served("logistic"), tensors(ROW)).json


def test_what_a_client_adds_does_not_disturb(served):
    inputs = [tensor | {"parameters": {"content_type": "np"}} for tensor in tensors(ROW)]
    asked = {"outputs": [{"name": "predict_proba"}], "parameters": {"a": 1}, "unknown": True}
    assert infer(served("logistic"), inputs, **asked).status_code == 200


@pytest.mark.parametrize(
    "datatype",
    [
        "FP16",
        "FP32",
        "FP64",
        "INT8",
        "INT16",
        "INT32",
        "INT64",
        "UINT8",
        "UINT16",
        "UINT32",
        "UINT64",
    ],
)
def test_a_float_column_takes_every_number(served, datatype):
    inputs = changed("amount", datatype=datatype, data=[100, 120])
    assert infer(served("logistic"), inputs).status_code == 200


@pytest.mark.parametrize(
    ("name", "datatype"),
    [
        *(("amount", datatype) for datatype in ("BYTES", "BOOL", "fp64", "")),
        *(("age", datatype) for datatype in ("FP32", "BOOL")),
        *(("member", "INT8"), ("city", "FP64")),
    ],
)
def test_a_datatype_that_does_not_fit_the_column_is_named(served, name, datatype):
    message = refused(infer(served("logistic"), changed(name, datatype=datatype)))
    assert f"input {name!r}" in message
    assert f"datatype {datatype} does not fit" in message


@pytest.mark.parametrize("name", ROW)
def test_a_missing_tensor_is_named(served, name):
    inputs = [tensor for tensor in tensors(ROW) if tensor["name"] != name]
    assert refused(infer(served("logistic"), inputs)) == f"input {name!r} is missing"


def test_an_unknown_tensor_is_named_beside_the_known_ones(served):
    extra = {"name": "other", "datatype": "FP64", "shape": [1], "data": [1.0]}
    message = refused(infer(served("logistic"), [*tensors(ROW), extra]))
    assert message == "there is no input 'other': the inputs are amount, age, member, city, income"


def test_a_tensor_that_is_given_twice_is_named(served):
    assert "'age' is given twice" in refused(
        infer(served("logistic"), [*tensors(ROW), tensors(ROW)[1]])
    )


@pytest.mark.parametrize("shape", [[], [0], [1], [3], [2, 2], [2, 1, 1], [1, 2], [-2], [-1, 1]])
def test_a_shape_that_does_not_fit_is_named(served, shape):
    message = refused(infer(served("logistic"), changed("age", shape=shape)))
    assert "input 'age' has" in message
    assert str(shape) in message


def test_tensors_of_different_lengths_are_refused(served):
    message = refused(infer(served("logistic"), changed("age", shape=[1], data=[41])))
    assert message == "the inputs have different numbers of rows"


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("amount", [1.0, "far"], "row 1, input 'amount': Expected `float`, got `str`"),
        ("amount", [1.0, None], "row 1, input 'amount': Expected `float`, got `null`"),
        ("amount", [1.0, [1.0, 2.0]], "row 1, input 'amount': Expected `float`, got `array`"),
        ("age", [2**63, 1], "row 0, input 'age'"),
        ("age", [1, 2**64], "row 1, input 'age'"),
        ("age", [1, 2**70], "row 1, input 'age'"),
        ("age", [1, -(2**70)], "row 1, input 'age'"),
        ("age", [1.5, 1], "row 0, input 'age': Expected `int`, got `float`"),
        ("age", [True, 1], "row 0, input 'age': Expected `int`, got `bool`"),
        ("member", [1, True], "row 0, input 'member': Expected `bool`, got `int`"),
        ("city", ["Oslo", 1], "row 1, input 'city': Expected `str`, got `int`"),
        ("amount", [1e39, 1.0], "row 0, input 'amount'"),
    ],
)
def test_a_value_that_does_not_fit_is_named_with_row_and_input(served, name, data, message):
    assert refused(infer(served("logistic"), changed(name, data=data))).startswith(message)


def test_null_is_taken_where_the_column_is_nullable(served):
    rows = [{**ROW, "income": None}]
    assert infer(served("logistic"), tensors(*rows)).json["outputs"][0]["data"] == pytest.approx(
        predict(served("logistic"), *rows).json["predictions"][0]
    )


def test_a_row_that_the_model_fails_on_is_named_and_is_the_servers_failure(served):
    message = refused(infer(served("strict"), changed("city", data=["Oslo", "Rome"])), 500)
    assert message.startswith("row 1: ")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"{}",
        b'{"inputs": {}}',
        b'{"inputs": [1]}',
        b'{"inputs": [{"name": "age"}]}',
        b'{"inputs": [{"name": "age", "datatype": "INT64", "shape": [1], "data": 41}]}',
        b'{"inputs": [{"name": "age", "datatype": "INT64", "shape": [1.5], "data": [41]}]}',
        b'{"inputs": [{"name": "age", "datatype": "INT64", "shape": [1], "data": [NaN]}]}',
        b'{"inputs": [], "id": 1}',
        b'{"inputs": [{"name": "\xff"}]}',
        b'{"inputs": [{"name": "age", "datatype": "INT64", "shape": [1], "data": %b}]}'
        % (b"[" * 100_000 + b"]" * 100_000),
    ],
)
def test_what_is_no_inference_request_says_so(served, body):
    message = refused(served("logistic").post(f"{URL}/infer", data=body))
    assert message.startswith("the body is not an inference request")


def test_an_id_that_is_no_text_is_refused_with_what_to_send(served):
    message = refused(infer(served("logistic"), tensors(ROW), id=7))
    assert message.endswith('`id` is a string, not int: send it in quotes, "7"')


def test_an_output_that_is_not_there_is_refused_beside_the_one_that_is(served):
    message = refused(infer(served("logistic"), tensors(ROW), outputs=[{"name": "nope"}]))
    assert message == "there is no output 'nope': the output is 'predict_proba'"
    twice = [{"name": "predict_proba"}] * 2
    assert "asked for twice" in refused(infer(served("logistic"), tensors(ROW), outputs=twice))


@pytest.mark.parametrize("parameter", ["classification", "class_count"])
def test_the_most_probable_classes_are_given_where_they_are_asked_for(served, parameter):
    rows = [ROW, {**ROW, "amount": 9000.0}]
    probabilities = predict(served("grade_odds"), *rows).json
    asked = [{"name": "predict_proba", "parameters": {parameter: 2}}]
    (output,) = infer(served("grade_odds"), tensors(*rows), outputs=asked).json["outputs"]
    assert (output["shape"], output["datatype"]) == ([2, 2], "BYTES")
    reported = [value.split(":", 2) for value in output["data"]]
    for row, best in zip(probabilities["predictions"], (reported[:2], reported[2:]), strict=True):
        assert [float(value) for value, _, _ in best] == sorted(row, reverse=True)[:2]
        assert all(row[int(position)] == float(value) for value, position, _ in best)
        assert all(probabilities["classes"][int(position)] == name for _, position, name in best)

    asked = [{"name": "predict_proba", "parameters": {parameter: 99}}]
    assert infer(served("grade_odds"), tensors(*rows), outputs=asked).json["outputs"][0][
        "shape"
    ] == [2, 3]


@pytest.mark.parametrize("count", [-1, True, "2", 1.5, None])
def test_a_number_of_classes_that_is_none_is_refused(served, count):
    asked = [{"name": "predict_proba", "parameters": {"classification": count}}]
    assert "a number of classes" in refused(infer(served("logistic"), tensors(ROW), outputs=asked))


def test_classes_of_a_version_without_probabilities_are_refused(served):
    asked = [{"name": "predict", "parameters": {"classification": 1}}]
    assert "has no probabilities" in refused(infer(served("grades"), tensors(ROW), outputs=asked))


@pytest.mark.parametrize(
    ("datatype", "value", "fits"),
    [
        *(
            ("UINT8", value, fits)
            for value, fits in ((0, True), (255, True), (256, False), (-1, False))
        ),
        *(
            ("UINT64", value, fits)
            for value, fits in ((40, True), (2**63 - 1, True), (2**63, False), (-1, False))
        ),
        *(("INT8", value, fits) for value, fits in ((-128, True), (128, False))),
    ],
)
def test_a_number_that_its_datatype_cannot_hold_is_named(served, datatype, value, fits):
    answer = infer(served("logistic"), changed("age", datatype=datatype, data=[1, value]))
    assert answer.status_code == 200 if fits else refused(answer).startswith("row 1, input 'age'")


@pytest.mark.parametrize(
    ("datatype", "value"),
    [("FP16", 65_505), ("FP16", -1e6), ("FP32", 1e39), ("INT16", 1.5), ("UINT8", 300)],
)
def test_a_float_column_refuses_what_the_datatype_cannot_hold(served, datatype, value):
    message = refused(
        infer(served("logistic"), changed("amount", datatype=datatype, data=[1, value]))
    )
    assert message.startswith("row 1, input 'amount'")


def test_one_tensor_for_all_columns_needs_them_to_be_of_one_kind(served):
    tensor = {"name": "input-0", "datatype": "FP32", "shape": [2, 5], "data": [0.0] * 10}
    message = refused(infer(served("logistic"), [tensor]))
    assert message == (
        "input 'input-0' holds all columns as FP32, and column 'age' is int: send one tensor a "
        "column"
    )
    message = refused(infer(served("logistic"), [tensor | {"shape": [2, 3]}]))
    assert message == "input 'input-0' has 3 columns: the model has 5, see its metadata"


def test_text_in_base64_is_not_taken_for_the_text(served):
    inputs = changed("city", parameters={"content_type": "base64"})
    assert "base64 is not offered" in refused(infer(served("logistic"), inputs))


def test_the_configuration_has_the_metadatas_tensors_in_its_own_words(served):
    reported = served("logistic").get(f"{URL}/config").json
    assert reported == served("logistic").get(f"{URL}/versions/logistic/config").json
    assert [(tensor["name"], tensor["data_type"]) for tensor in reported["input"]] == [
        ("amount", "TYPE_FP64"),
        ("age", "TYPE_INT64"),
        ("member", "TYPE_BOOL"),
        ("city", "TYPE_STRING"),
        ("income", "TYPE_FP64"),
    ]
    assert reported["output"] == [
        {"name": "predict_proba", "data_type": "TYPE_FP64", "dims": [-1, 2]}
    ]


def test_an_inference_without_tensors_names_the_first(served):
    assert refused(infer(served("logistic"), [])) == "input 'amount' is missing"


SEVERAL = [
    Output(name="predict", shape=[], datatype="bool"),
    Output(name="predict_proba", shape=[2]),
    Output(name="transform", shape=[3]),
]


def manifest(bundle, **changes):
    """A real manifest that says it has other outputs."""
    return msgspec.structs.replace(bundle("logistic").manifest, **changes)


def test_each_output_is_a_tensor(bundle):
    made = manifest(bundle, outputs=SEVERAL)
    shapes = [(tensor["name"], tensor["shape"]) for tensor in metadata(made)["outputs"]]
    assert shapes == [("predict", [-1]), ("predict_proba", [-1, 2]), ("transform", [-1, 3])]


def test_probabilities_of_several_targets_are_one_flat_tensor(bundle):
    of_targets = Output(name="predict_proba", shape=[2, -1], classes=[[0, 1], ["a", "b", "c"]])
    (tensor,) = metadata(manifest(bundle, outputs=[of_targets]))["outputs"]
    assert (tensor["shape"], tensor["parameters"]) == ([-1, 5], {"kind": "targets"})


def test_a_bundle_from_before_outputs_were_listed_has_the_one_that_it_names(bundle):
    old = manifest(bundle, outputs=[])
    assert metadata(old) == metadata(bundle("logistic").manifest)
