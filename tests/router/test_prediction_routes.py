"""Every prediction route goes through the same lanes: batched, counted, labelled, with an id."""

import io
import json
import os
import signal
import struct
from concurrent.futures import ThreadPoolExecutor

import httpx
import numpy as np
import pyarrow as pa
import pytest

from tests.router.router_harness import OPERATOR, router_harness, tensor
from tests.until import until

INFER = "/v2/models/toy/infer"
ARROW = {"Content-Type": "application/vnd.apache.arrow.stream"}
CSV = {"Content-Type": "text/csv; charset=utf-8"}


def stream(**columns):
    """An Arrow stream of these columns."""
    table = pa.table(columns)
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)

    return sink.getvalue()


def binary(values, datatype="FP32", dtype="<f4", **more):
    """A request with one binary tensor, and the header that says where it begins."""
    data = np.array(values, dtype).tobytes()
    sent = {
        "name": "x",
        "shape": [len(values)],
        "datatype": datatype,
        "parameters": {"binary_data_size": len(data)},
    }
    head = json.dumps({"inputs": [sent], **more}).encode()
    return head + data, {"Inference-Header-Content-Length": str(len(head))}


def ways(*values):
    """The same rows by each route: path, body and headers."""
    rows = [{"x": value} for value in values]
    body, header = binary(values)
    split = {"columns": ["x"], "index": [7] * len(rows), "data": [[value] for value in values]}
    forms = {
        "split": {"dataframe_split": split},
        "records": {"dataframe_records": rows},
        "instances": {"instances": rows},
        "positions": {"instances": [[value] for value in values]},
        "scalars": {"instances": list(values)},
        "inputs": {"inputs": {"x": list(values)}},
        "numpy": {"inputs": [[value] for value in values]},
    }
    text = "x\n" + "".join(f"{value}\n" for value in values)
    return {
        "predict": ("/predict", json.dumps({"instances": rows}).encode(), {}),
        "arrow": ("/predict", stream(x=[float(value) for value in values]), ARROW),
        "oip": (INFER, json.dumps({"inputs": [tensor(*values)]}).encode(), {}),
        "oip binary": (INFER, body, header),
        **{name: ("/invocations", json.dumps(form).encode(), {}) for name, form in forms.items()},
        "csv": ("/invocations", text.encode(), CSV),
    }


def predictions(answer):
    """The predictions of an answer of any protocol."""
    assert answer.status_code == 200, answer.text
    body = answer.json()
    return body["predictions"] if "predictions" in body else body["outputs"][0]["data"]


def ask(pair, way, **headers):
    path, body, own = way
    return httpx.post(f"{pair.url}{path}", content=body, headers={**own, **headers}, timeout=120)


@pytest.mark.parametrize("name", ways(1.5))
def test_each_route_answers_the_rows_with_an_id_that_takes_a_label(pair, name):
    answer = ask(pair, ways(1.5, -2.0, 3.25)[name], **{"X-Unit-Id": "u-1"})
    assert predictions(answer) == [1.5, -2.0, 3.25]
    token = answer.headers["x-prediction-id"]
    told = httpx.get(f"{pair.url}/whoserved/{token}", headers=OPERATOR, timeout=120).json()
    assert (told["version"], told["scores"]) == (
        answer.headers["x-model-version"],
        [1.5, -2.0, 3.25],
    )
    label = {"prediction_id": token, "label": [1, 0, 1]}
    assert httpx.post(f"{pair.url}/feedback", json=label, timeout=120).json()["counted"] == 3
    if name.startswith("oip"):
        assert answer.json()["parameters"]["prediction_id"] == token


def test_one_unit_meets_one_version_on_each_route(pair):
    for unit in ("u-1", "u-2", "u-17"):
        met = {
            ask(pair, way, **{"X-Unit-Id": unit}).headers["x-model-version"]
            for way in ways(1.0).values()
        }
        assert len(met) == 1


def test_rows_of_all_routes_share_batches(tmp_path):
    limits = "deadline_ms = 600000\nversion_timeout_ms = 600000\nmax_queue_ms = 600000\n"
    with router_harness(tmp_path, settings=f"[router.limits]\n{limits}") as made:
        made.know(made.version("v1", "[0,1]"))
        made.split({"v1": 10_000})
        made.router()
        for way in ways(1.0).values():
            predictions(ask(made, way))

        asked = [ways(1.0)[name] for name in ("oip", "oip binary", "split", "csv", "arrow")]
        before = len(ways(1.0))
        until(lambda: batches(made) == before, "a batch of each alone")
        with ThreadPoolExecutor(8) as threads:
            os.killpg(made.processes["v1"].pid, signal.SIGSTOP)
            first = threads.submit(ask, made, ways(2.0)["predict"])
            until(lambda: made.status()["versions"]["v1"]["in_flight"] == 1, "the first is asked")
            others = [threads.submit(ask, made, way) for way in asked]
            until(lambda: made.status()["versions"]["v1"]["queue_rows"] == 5, "the others wait")
            os.killpg(made.processes["v1"].pid, signal.SIGCONT)
            assert [predictions(other.result()) for other in others] == [[1.0]] * 5
            assert predictions(first.result()) == [2]

        until(lambda: batches(made) == before + 2, "the first one, and one batch of all others")


def batches(made):
    """How many batches were sent."""
    lines = httpx.get(f"{made.url}/metrics", timeout=120).text.splitlines()
    found = [line for line in lines if line.startswith("sluice_batch_rows_count")]
    return sum(float(line.rpartition(" ")[2]) for line in found)


@pytest.mark.parametrize("name", ways(1.5))
def test_a_row_at_fault_is_named_in_the_protocols_own_form(pair, name):
    path, _, headers = ways(1.5)[name]
    bodies = {
        "/invocations": {"dataframe_records": [{"x": 1}, {"x": 1, "fail": "input"}]},
        "/predict": {"instances": [{"x": 1}, {"x": 1, "fail": "input"}]},
    }
    if path not in bodies or headers:
        pytest.skip("the toy version fails by a further column, which only named rows have")

    answer = httpx.post(f"{pair.url}{path}", json=bodies[path], timeout=120)
    said = answer.json()
    if path == "/predict":
        assert (answer.status_code, said["errors"][0]["row"]) == (422, 1)
    else:
        assert answer.status_code == 400
        assert said == {
            "error_code": "BAD_REQUEST",
            "message": "row 1, column 'x': input as asked",
        }


REFUSED = {
    "too many rows": (INFER, {"inputs": [tensor(*range(101))]}, 413, "101 rows"),
    "no rows": (INFER, {"inputs": []}, 400, "input 'x' is missing"),
    "another input": (INFER, {"inputs": [tensor(1), tensor(1, name="y")]}, 400, "no input 'y'"),
    "another kind": (INFER, {"inputs": [tensor("a", datatype="BYTES")]}, 400, "does not fit"),
    "another output": (
        INFER,
        {"inputs": [tensor(1)], "outputs": [{"name": "nope"}]},
        400,
        "there is no output 'nope': the output is 'predict'",
    ),
    "many records": ("/invocations", {"dataframe_records": [{}] * 101}, 413, "101 rows"),
    "many lists": ("/invocations", {"instances": [[1]] * 101}, 413, "101 rows"),
    "two forms": ("/invocations", {"inputs": [], "instances": []}, 400, "has 2 of the forms"),
    "no form": ("/invocations", {}, 400, "has 0 of the forms"),
    "another member": ("/invocations", {"rows": []}, 400, "unknown field `rows`"),
    "empty": ("/invocations", {"dataframe_records": []}, 400, "is empty"),
    "params": ("/invocations", {"inputs": [[1]], "params": {"a": 1}}, 400, "`params`"),
    "short": (
        "/invocations",
        {"dataframe_split": {"columns": ["x", "y"], "data": [[1, 2], [1]]}},
        400,
        "row 1 has 1 values for 2 columns",
    ),
    "uneven": ("/invocations", {"inputs": {"x": [1], "y": [1, 2]}}, 400, "column 'y' of"),
    "twice": (
        "/invocations",
        {"dataframe_split": {"columns": ["x", "x"], "data": [[1, 2]]}},
        400,
        "column 'x' is given twice",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_become_rows_is_refused_with_the_reason_and_counted_once(pair, name):
    path, body, status, reason = REFUSED[name]
    known(pair)
    before = refusals(pair, status)
    answer = httpx.post(f"{pair.url}{path}", json=body, timeout=120)
    said = answer.json()
    assert answer.status_code == status, said
    assert set(said) == ({"error"} if path == INFER else {"error_code", "message"})
    assert reason in (said.get("error") or said["message"])
    until(lambda: refusals(pair, status) == before + 1, "it is counted once")


def known(made):
    """Have each worker know both versions' columns."""
    for _ in range(8):
        for version in ("v1", "v2"):
            body = {"inputs": [tensor(1)]}
            headers = {"X-Model-Version": version, "Connection": "close"}
            httpx.post(f"{made.url}{INFER}", json=body, headers=headers, timeout=120)


def refusals(made, status):
    lines = httpx.get(f"{made.url}/metrics", timeout=120).text.splitlines()
    found = [line for line in lines if f'refusals_total{{code="{status}"' in line]
    return sum(float(line.rpartition(" ")[2]) for line in found)


def test_a_binary_answer_is_given_where_it_is_asked_for(pair):
    for asked in (
        {"parameters": {"binary_data_output": True}},
        {"outputs": [{"name": "predict", "parameters": {"binary_data": True}}]},
    ):
        body, headers = binary([1.5, 2.5], "FP64", "<f8", id="mine", **asked)
        answer = ask(pair, (INFER, body, headers))
        length = int(answer.headers["inference-header-content-length"])
        said = json.loads(answer.content[:length])
        (output,) = said["outputs"]
        assert said["id"] == "mine"
        assert "data" not in output
        assert output["parameters"] == {"binary_data_size": 16}
        assert struct.unpack("<2d", answer.content[length:]) == (1.5, 2.5)


@pytest.mark.parametrize(
    ("length", "reason"),
    [
        (b"x", "the length of the JSON in bytes"),
        (b"-1", "the length of the JSON in bytes"),
        (b"9" * 30, "the length of the JSON in bytes"),
        (b"100000", "the length of the JSON in bytes"),
    ],
)
def test_a_length_of_the_json_that_is_none_is_refused(pair, length, reason):
    body, _ = binary([1.5])
    answer = ask(pair, (INFER, body, {"Inference-Header-Content-Length": length.decode()}))
    assert answer.status_code == 400
    assert reason in answer.json()["error"]


def test_a_version_in_the_path_is_a_pin_on_the_lanes(pair):
    body = {"inputs": [tensor(4)]}
    path = f"{pair.url}/v2/models/toy/versions/v3/infer"
    answer = httpx.post(path, json=body, timeout=120)
    assert predictions(answer) == [4.0]
    assert answer.headers["x-model-version"] == "v3"
    both = httpx.post(path, json=body, headers={"X-Model-Version": "v1"}, timeout=120)
    assert both.status_code == 400
    assert "name different versions" in both.json()["error"]


ARROW_REFUSED = {
    "text": (b"hello", 400, "no valid Arrow stream"),
    "cut": (stream(x=[1.0, 2.0])[:200], 400, "no valid Arrow stream"),
    "many rows": (stream(x=[1.0] * 101), 413, "101 rows"),
    "infinity": (stream(x=[1.0, float("inf")]), 400, "row 1, column 'x': an infinity"),
    "an infinity in a list": (stream(x=[[1.0, float("inf")]]), 400, "row 0, column 'x'"),
    "another type": (stream(x=[{"a": 1}]), 400, "of the Arrow type struct"),
    "no rows": (stream(x=pa.array([], pa.float64())), 400, "no rows"),
}


@pytest.mark.parametrize("name", ARROW_REFUSED)
def test_an_arrow_stream_that_has_no_rows_is_refused_as_on_predict(pair, name):
    body, status, reason = ARROW_REFUSED[name]
    answer = ask(pair, ("/predict", body, ARROW))
    assert (answer.status_code, answer.headers["content-type"]) == (
        status,
        "application/problem+json",
    )
    assert reason in answer.json()["detail"]
    assert predictions(ask(pair, ways(2.0)["arrow"])) == [2.0]


def test_an_answer_beside_a_large_tensor_comes_at_once(pair):
    """A large table is decoded in a thread: small requests are answered meanwhile."""
    rows = 100
    text = "y" * 1_500
    large = {"inputs": [tensor(*[text] * rows, datatype="BYTES")]}
    with ThreadPoolExecutor(4) as threads:
        asked = [
            threads.submit(httpx.post, f"{pair.url}{INFER}", json=large, timeout=120)
            for _ in range(8)
        ]
        assert predictions(ask(pair, ways(1.0)["predict"])) == [1]
        assert all(answer.result().status_code in (200, 400) for answer in asked)


def test_mlflows_own_pages_answer(pair):
    for path in ("/ping", "/health"):
        answer = httpx.get(f"{pair.url}{path}", timeout=120)
        assert (answer.status_code, answer.text) == (200, "\n")
    assert httpx.get(f"{pair.url}/version", timeout=120).text.strip()
    assert httpx.post(f"{pair.url}/ping", timeout=120).status_code == 405
