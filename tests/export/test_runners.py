"""Every runner predicts what the service predicts, and refuses what it refuses, in its words."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from delivery.signatures import signing_key
from export.onnxruntime_web import ENTRY, VERSION
from export.runners.python.edge_model import NO_PREDICTION, EdgeModel, RefusedRow
from service.bundle import verify_bundle
from service.predict import Predictor
from service.runtimes.load_model import load_model
from tests.export.export_harness import CACHE, OLDER, frame, node_runner, python_runner

RUNNERS = {"python": python_runner, "node": node_runner}


@pytest.fixture(params=RUNNERS)
def runner(request):
    """A runner: (folder, words) -> exit code and what it says."""
    return RUNNERS[request.param]


@pytest.fixture(scope="module")
def model(exported):
    """The runner in Python, in this process."""
    return EdgeModel(exported.folder)


@pytest.fixture(scope="module")
def predictor(harness):
    """The service's own."""
    bundle = verify_bundle(harness.delivery.releases / "v1", harness.delivery.public)
    return Predictor(bundle.manifest, load_model(bundle))


def test_golden_rows_are_equal_and_every_bad_row_is_refused_in_the_services_words(
    runner, exported, harness
):
    code, said = runner(exported.folder, "--check", "--key", str(harness.delivery.public))
    assert code == 0, said
    refused = len((exported.folder / "refused.jsonl").read_text().splitlines())
    assert "44 golden rows equal (largest difference" in said
    assert f"{refused} bad rows refused" in said


def test_the_table_of_bad_rows_has_every_kind_for_every_column(exported, predictor):
    lines = (exported.folder / "refused.jsonl").read_text().splitlines()
    columns = {column.name for column in predictor.manifest.columns}
    refused = {json.loads(line)["column"] for line in lines}
    assert columns <= refused
    for line in lines:
        raw, _, _ = line.rpartition(',"column":')
        body = f'{{"instances":[{raw.removeprefix(chr(123) + chr(34) + "row" + chr(34) + ":")}]}}'
        (error,) = predictor.predict(body.encode()).errors
        case = json.loads(line)
        assert (error.column, error.detail) == (case["column"], case["detail"])


@pytest.mark.parametrize("name", ["model.onnx", "model.json", "refused.jsonl"])
def test_a_changed_file_is_refused_alike(runner, copy, name):
    path = copy / name
    path.write_bytes(path.read_bytes() + b"\n")
    said = f"{name} was changed after it was signed: export the version again"
    assert runner(copy, "--check") == (1, said)


def test_another_key_and_a_changed_manifest_are_refused_alike(runner, copy, harness, tmp_path):
    signing_key(tmp_path / "keys")
    said = (
        "signature does not hold for manifest.json: the manifest was changed, or another key "
        "signed it"
    )
    assert runner(copy, "--key", str(tmp_path / "keys" / "sluice.pub")) == (1, said)
    path = copy / "manifest.json"
    path.write_bytes(path.read_bytes() + b" ")
    assert runner(copy, "--key", str(harness.delivery.public)) == (1, said)
    assert runner(copy, "--key", str(copy / "LICENSE")) == (1, said)
    path.write_text('{"files": 1')
    assert runner(copy) == (1, "manifest.json is no manifest: export the version again")
    path.unlink()
    code, said = runner(copy)
    assert code == 1
    assert "manifest.json" in said


def test_rows_are_predicted_line_by_line_up_to_the_first_bad_one(runner, exported):
    row = json.loads((exported.folder / "golden.jsonl").read_text().splitlines()[0])["row"]
    code, said = runner(exported.folder, rows=json.dumps(row) + "\n[]\n")
    answer, refusal = said.splitlines()
    assert (code, refusal.partition(":")[0]) == (1, "Expected `object`, got `array`")
    assert set(json.loads(answer)) == {"predict_proba", "predict"}


def test_a_row_that_the_model_fails_on_is_refused_alike(exported, tmp_path):
    # A tensor of another type than the graph's: both runtimes fail on it.
    model = EdgeModel(exported.folder)
    model.description["inputs"][0]["type"] = "float"
    row = json.loads(_golden(model)[0])["row"]
    with pytest.raises(RefusedRow, match=NO_PREDICTION):
        model.predict([row])

    script = tmp_path / "fails.mjs"
    entry = str(CACHE / VERSION / ENTRY)
    script.write_text(FAILS.replace("FOLDER", str(exported.folder)).replace("ENTRY", entry))
    assert _node(script) == [NO_PREDICTION]


FAILS = """
import { readFile } from "node:fs/promises";
import * as ort from "ENTRY";
import { EdgeModel } from "FOLDER/web/edge_model.js";

const model = await EdgeModel.load(ort, (name) => readFile(`FOLDER/${name}`));
model.description.inputs[0].type = "float";
const { row } = JSON.parse((await readFile("FOLDER/golden.jsonl", "utf8")).split("\\n")[0]);
await model.predict([row]).catch((error) => console.log(error.message));
"""


def test_an_older_onnxruntime_web_is_refused(exported, tmp_path):
    older = tmp_path / "older.mjs"
    older.write_text(
        f'import * as web from "file://{CACHE / VERSION / ENTRY}";\n'
        "export const { InferenceSession, Tensor } = web;\n"
        'export const env = { ...web.env, versions: { ...web.env.versions, web: "1.29.9" } };\n'
    )
    said = (
        "onnxruntime-web 1.29.9 is older than 1.30.0, which the model is certified on: install "
        "1.30.0"
    )
    assert node_runner(exported.folder, runtime=older) == (1, said)


def test_an_older_onnxruntime_is_refused(exported, other_packages):
    code, said = python_runner(exported.folder, python=str(other_packages / "python"))
    assert (code, said.partition(",")[0]) == (1, f"onnxruntime {OLDER} is older than 1.32.0")


def test_values_of_python_are_refused_where_json_has_none(model):
    row = json.loads(_golden(model)[0])["row"]
    for name, value, detail in [
        ("income", float("nan"), "NaN is no value of JSON: send null where a number is missing"),
        ("income", float("-inf"), "Number out of range"),
        ("amount", 10**400, "Number out of range"),
        ("city", "half \ud800", "the text holds half a character: send whole ones"),
    ]:
        with pytest.raises(RefusedRow) as caught:
            model.encode({**row, name: value})

        assert (caught.value.column, caught.value.detail) == (name, detail)


def test_rows_are_predicted_alike_alone_together_and_by_the_service(model, predictor):
    rows = [json.loads(line)["row"] for line in _golden(model)]
    together = model.predict(rows)
    served = predictor.predict(json.dumps({"instances": rows}).encode()).predictions
    assert [answer["predict"] for answer in together] == [row["predict"] for row in served]
    alone = model.predict(rows[:1])[0]
    assert alone["predict_proba"] == pytest.approx(together[0]["predict_proba"])
    assert alone["predict"] == together[0]["predict"]
    assert model.predict([]) == []


def test_a_whole_float_and_numpys_own_numbers_are_taken_as_the_service_does(model):
    row = json.loads(_golden(model)[0])["row"]
    own = frame(2).iloc[0]
    plain = model.encode({**row, "age": 41})
    assert model.encode({**row, "age": 41.0}) == plain
    assert model.encode({**row, "amount": own["amount"], "children": own["children"]})


def test_javascript_refuses_what_it_cannot_hold(exported, tmp_path):
    script = tmp_path / "limits.mjs"
    script.write_text(LIMITS.replace("FOLDER", str(exported.folder)))
    assert _node(script) == [
        "age: a number beyond 2^53 loses digits in JavaScript: send a BigInt",
        "taken",
        "age: Expected `int` <= 9223372036854775807",
        "city: the text holds the character 0, at which onnxruntime-web would end it",
        "city: the text holds half a character: send whole ones",
        "income: NaN is no value of JSON: send null where a number is missing",
        "children: Expected `int`, got `null`",
    ]


LIMITS = """
import { readFileSync } from "node:fs";
import { encode } from "FOLDER/web/edge_model.js";

const description = JSON.parse(readFileSync("FOLDER/model.json", "utf8"));
const { row } = JSON.parse(readFileSync("FOLDER/golden.jsonl", "utf8").split("\\n")[0]);
for (const change of [
  { age: 2 ** 53 + 2 },
  { age: 2n ** 63n - 1n },
  { age: 2n ** 63n },
  { city: "Os\\0lo" },
  { city: "half \\ud800" },
  { income: NaN },
  { children: undefined },
]) {
  try {
    encode({ ...row, ...change }, description);
    console.log("taken");
  } catch (error) {
    console.log(`${error.column}: ${error.detail}`);
  }
}
"""


def _node(script: Path) -> list[str]:
    done = subprocess.run(
        [shutil.which("node") or "node", str(script)], capture_output=True, text=True, check=True
    )
    return done.stdout.splitlines()


def _golden(model: EdgeModel) -> list[str]:
    return (model.folder / "golden.jsonl").read_text().splitlines()
