"""The clients of other servers, unchanged: tritonclient, MLServer's, and any client of MLflow's.

tritonclient and MLServer have an environment of their own, which is built once from
tests/e2e/clients/requirements.txt; without a package index these tests are skipped.
"""

import fcntl
import hashlib
import json
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from tests.e2e.stack_harness import ROOT, ROW

CLIENTS = ROOT / "tests" / "e2e" / "clients"
REQUIREMENTS = CLIENTS / "requirements.txt"
ROWS = [ROW, {**ROW, "amount": 9000.25, "city": "Tromsø"}, {**ROW, "age": 19}]


@pytest.fixture(scope="session")
def clients():
    """The Python of the clients' environment, kept in var/ until their pins change."""
    digest = hashlib.sha256(REQUIREMENTS.read_bytes()).hexdigest()[:16]
    folder = ROOT / "var" / "test-clients" / digest
    folder.parent.mkdir(parents=True, exist_ok=True)
    with (folder.parent / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "complete").exists():
            _build(folder)

    return folder / "bin" / "python"


def _build(folder):
    """Build the environment; skips where it cannot be."""
    uv = [sys.executable, "-m", "uv"]
    make = [*uv, "venv", "--quiet", "--clear", "--no-project", "--python", sys.executable]
    fill = [*uv, "pip", "sync", "--quiet", "--python", str(folder / "bin" / "python")]
    for command in ([*make, str(folder)], [*fill, str(REQUIREMENTS)]):
        done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
        if done.returncode:
            reason = done.stderr.strip().splitlines()[-1:]
            pytest.skip(f"the clients' environment cannot be built here: {reason}")

    (folder / "complete").touch()


def served(stack, rows):
    """What /predict answers."""
    answer = httpx.post(f"{stack.url}/predict", json={"instances": rows}, timeout=120)
    assert answer.status_code == 200, answer.text
    return answer.json()["predictions"]


def test_tritonclient_is_served_in_json_and_in_binary(shared_stack, clients):
    command = [str(clients), str(CLIENTS / "triton_client.py"), urlsplit(shared_stack.url).netloc]
    done = subprocess.run(
        [*command, "flights"],
        input=json.dumps(ROWS),
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout.splitlines()[-1])
    assert told["live"]
    assert told["ready"]
    assert "binary_tensor_data" in told["extensions"]
    assert told["columns"] == list(ROW)
    expected = served(shared_stack, ROWS)
    for way, said in told["said"].items():
        assert said["probabilities"] == expected, way
        assert (said["version"], said["id"]) == ("v1", "mine")

    labelled = {"prediction_id": told["said"]["binary"]["prediction_id"], "label": [0, 1, 0]}
    counted = httpx.post(f"{shared_stack.url}/feedback", json=labelled, timeout=120).json()
    assert counted["counted"] == 3
    for row, best in zip(expected, told["classes"], strict=True):
        assert [float(text.split(":")[0]) for text in best] == sorted(row, reverse=True)

    assert "input 'age' is missing" in told["refused"]


@pytest.mark.parametrize("binary", [True, False])
def test_mlservers_batch_client_is_served(shared_stack, clients, tmp_path, binary):
    kinds = {"amount": "FP64", "age": "INT64", "city": "BYTES"}
    asked = tmp_path / "asked.jsonl"
    lines = []
    for number, row in enumerate(ROWS):
        inputs = [
            {"name": name, "shape": [1, 1], "datatype": kind, "data": [row[name]]}
            for name, kind in kinds.items()
        ]
        outputs = [{"name": "predict_proba"}]
        lines.append(json.dumps({"id": f"row {number}", "inputs": inputs, "outputs": outputs}))

    asked.write_text("\n".join(lines) + "\n")
    command = [
        str(clients.parent / "mlserver"),
        "infer",
        *("--url", urlsplit(shared_stack.url).netloc),
        *("--model-name", "flights"),
        *("--input-data-path", str(asked)),
        *("--output-data-path", str(tmp_path / "told.jsonl")),
        *("--batch-size", "2", "--retries", "1"),
        *(["--binary-data"] if binary else []),
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    told = _by_id(tmp_path / "told.jsonl")
    for number, expected in enumerate(served(shared_stack, ROWS)):
        assert told[f"row {number}"]["outputs"][0]["data"] == expected, done.stdout


def _by_id(path: Path):
    answers = [json.loads(line) for line in path.read_text().splitlines()]
    assert all("error" not in answer for answer in answers), answers
    return {answer["id"]: answer for answer in answers}


def test_mlflows_forms_are_served_as_predict_is(shared_stack):
    expected = served(shared_stack, ROWS)
    values = [list(row.values()) for row in ROWS]
    columns = {name: [row[name] for row in ROWS] for name in ROW}
    forms = [
        {"dataframe_split": {"columns": list(ROW), "data": values}},
        {"dataframe_records": ROWS},
        {"instances": ROWS},
        {"instances": values},
        {"inputs": columns},
        {"inputs": values},
    ]
    for form in forms:
        answer = httpx.post(f"{shared_stack.url}/invocations", json=form, timeout=120)
        assert answer.json() == {"predictions": expected}, form

    lines = [",".join(map(str, row)) for row in [list(ROW), *values]]
    answer = httpx.post(
        f"{shared_stack.url}/invocations",
        content="\n".join(lines).encode(),
        headers={"Content-Type": "text/csv"},
        timeout=120,
    )
    assert answer.json() == {"predictions": expected}


def test_a_missing_column_is_named_in_mlflows_form(shared_stack):
    body = {"dataframe_records": [{"amount": 1.0, "age": 30}]}
    answer = httpx.post(f"{shared_stack.url}/invocations", json=body, timeout=120)
    assert answer.status_code == 400
    said = answer.json()
    assert said["error_code"] == "BAD_REQUEST"
    assert "'city'" in said["message"]
