"""The Open Inference Protocol v2, as its clients speak it."""

import pytest

from tests.delivery.loans import ROW
from tests.service.served import predict, tensors

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
        ("logistic", "sluice_onnx", {"name": "predict_proba", "datatype": "FP64", "shape": [-1, 2]}),
        ("grade_odds", "sluice_onnx", {"name": "predict_proba", "datatype": "FP64", "shape": [-1, 3]}),
        ("grades", "sluice_onnx", {"name": "predict", "datatype": "BYTES", "shape": [-1]}),
        ("flags", "sluice_onnx", {"name": "predict", "datatype": "BOOL", "shape": [-1]}),
        ("floats", "sluice_onnx", {"name": "predict", "datatype": "FP64", "shape": [-1]}),
        ("price", "sluice_onnx", {"name": "predict", "datatype": "FP64", "shape": [-1]}),
        ("unnamed", "sluice_sklearn", {"name": "predict_proba", "datatype": "FP64", "shape": [-1, 2]}),
    ],
)
def test_the_metadata_tells_inputs_and_output(served, name, platform, output):
    told = served(name).get(URL).json
    assert told == {"name": "loans", "versions": [name], "platform": platform, "inputs": INPUTS, "outputs": [output]}
    assert served(name).get(f"{URL}/versions/{name}").json == told


def test_the_server_and_the_model_say_that_they_are_ready(served):
    client = served("logistic")
    assert client.get("/v2/health/ready").json == {"ready": True}
    assert client.get(f"{URL}/ready").json == {"name": "loans", "version": "logistic", "ready": True}
    assert client.get(f"{URL}/versions/logistic/ready").json["ready"] is True
    assert client.get("/v2").json["name"] == "sluice"


@pytest.mark.parametrize("where", ["/v2/models/other", f"{URL}/versions/v9", f"{URL}/versions/v9/ready"])
def test_another_model_or_version_is_not_there(served, where):
    assert served("logistic").get(where).status_code == 404
    assert served("logistic").post(f"{where}/infer", json={"inputs": []}).status_code == 404


@pytest.mark.parametrize("name", ["logistic", "grades", "grade_odds", "flags", "floats", "price", "unnamed"])
def test_an_inference_gives_what_predict_gives_in_the_datatype_that_the_metadata_tells(served, name):
    rows = [ROW, {**ROW, "city": "Bergen", "income": None, "amount": 9000.0}]
    expected = predict(served(name), *rows).json["predictions"]
    told = served(name).get(URL).json["outputs"][0]
    answer = infer(served(name), tensors(*rows)).json
    assert (answer["model_name"], answer["model_version"]) == ("loans", name)
    (output,) = answer["outputs"]
    assert (output["name"], output["datatype"]) == (told["name"], told["datatype"])
    if told["name"] == "predict_proba":
        assert output["shape"] == [2, told["shape"][1]]
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
    answers = [served("logistic").post(f"{URL}{path}/infer", json=body).json for path in ("", "/versions/logistic")]
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


@pytest.mark.parametrize("datatype", ["FP16", "FP32", "FP64", "INT8", "INT16", "INT32", "INT64", "UINT8", "UINT32"])
def test_a_float_column_takes_every_number(served, datatype):
    inputs = changed("amount", datatype=datatype, data=[100, 200])
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
    said = refused(infer(served("logistic"), changed(name, datatype=datatype)))
    assert f"input {name!r}" in said
    assert f"datatype {datatype} does not fit" in said


@pytest.mark.parametrize("name", ROW)
def test_a_missing_tensor_is_named(served, name):
    inputs = [tensor for tensor in tensors(ROW) if tensor["name"] != name]
    assert refused(infer(served("logistic"), inputs)) == f"input {name!r} is missing"


def test_an_unknown_tensor_is_named_beside_the_known_ones(served):
    extra = {"name": "other", "datatype": "FP64", "shape": [1], "data": [1.0]}
    said = refused(infer(served("logistic"), [*tensors(ROW), extra]))
    assert said == "there is no input 'other': the inputs are amount, age, member, city, income"


def test_a_tensor_that_is_given_twice_is_named(served):
    assert "'age' is given twice" in refused(infer(served("logistic"), [*tensors(ROW), tensors(ROW)[1]]))


@pytest.mark.parametrize("shape", [[], [0], [1], [3], [2, 2], [2, 1, 1], [1, 2], [-2], [-1, 1]])
def test_a_shape_that_does_not_fit_is_named(served, shape):
    said = refused(infer(served("logistic"), changed("age", shape=shape)))
    assert "input 'age' has" in said
    assert str(shape) in said


def test_tensors_of_different_lengths_are_refused(served):
    said = refused(infer(served("logistic"), changed("age", shape=[1], data=[41])))
    assert said == "the inputs have different numbers of rows"


@pytest.mark.parametrize(
    ("name", "data", "said"),
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
def test_a_value_that_does_not_fit_is_named_with_row_and_input(served, name, data, said):
    assert refused(infer(served("logistic"), changed(name, data=data))).startswith(said)


def test_null_is_taken_where_the_column_is_nullable(served):
    rows = [{**ROW, "income": None}]
    assert infer(served("logistic"), tensors(*rows)).json["outputs"][0]["data"] == pytest.approx(
        predict(served("logistic"), *rows).json["predictions"][0]
    )


def test_a_row_that_the_model_fails_on_is_named_and_is_the_servers_failure(served):
    said = refused(infer(served("strict"), changed("city", data=["Oslo", "Rome"])), 500)
    assert said.startswith("row 1: ")


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
    said = refused(served("logistic").post(f"{URL}/infer", data=body))
    assert said.startswith("the body is not an inference request")


def test_an_inference_without_tensors_names_the_first(served):
    assert refused(infer(served("logistic"), [])) == "input 'amount' is missing"
