"""Every runner predicts what the service predicts, and refuses what it refuses, in its words."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from delivery.signatures import signing_key
from export.onnxruntime_web import ENTRY, VERSION
from export.runners.python.edge_model import NO_PREDICTION, EdgeModel, RefusedRow, encode
from service.bundle import verify_bundle
from service.predict import Predictor
from service.runtimes.load_model import load_model
from tests.export.export_harness import CACHE, OLDER, QUICKLY, frame, node_runner, python_runner

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


@pytest.mark.parametrize(
    "row", ["[" * 100_000 + "]" * 100_000, '{"city":' * 100_000 + "1" + "}" * 100_000]
)
def test_a_row_that_is_nested_without_end_is_refused_in_a_line(runner, exported, row):
    code, said = runner(exported.folder, rows=row + "\n")
    assert (code, said.count("\n")) == (1, 0)
    assert "nested too deeply" in said or "Expected" in said or "unknown field" in said, said


@pytest.mark.parametrize("name", ["manifest.json", "model.json", "model.onnx"])
def test_a_pipe_in_place_of_a_file_is_refused_and_not_waited_for(runner, copy, name):
    (copy / name).unlink()
    os.mkfifo(copy / name)
    assert runner(copy, "--check") == (1, f"{name} is no file: export the version again")


def test_a_manifest_that_is_nested_without_end_is_none(runner, copy):
    (copy / "manifest.json").write_text("[" * 100_000 + "]" * 100_000)
    assert runner(copy) == (1, "manifest.json is no manifest: export the version again")


def test_without_its_package_the_runner_in_node_says_so_in_a_line(exported, tmp_path):
    code, said = node_runner(exported.folder, runtime=tmp_path / "missing.js")
    assert (code, said.count("\n")) == (1, 0)
    assert "missing.js" in said


ODD_NAMES = ["__proto__", "constructor", "toString", "hasOwnProperty", "{}"]


def odd_names(folder: Path) -> dict:
    """The description of a version whose columns are called so, each nullable."""
    description = json.loads((folder / "model.json").read_text())
    [income] = [one for one in description["columns"] if one["name"] == "income"]
    description["columns"] = [{**income, "name": name} for name in ODD_NAMES]
    return description


def test_a_column_may_have_any_name(exported, tmp_path):
    description = odd_names(exported.folder)
    rows = [
        {name: number for number, name in enumerate(ODD_NAMES)},
        dict.fromkeys(ODD_NAMES[1:], 1),
        dict.fromkeys(ODD_NAMES, "x"),
        {"valueOf": 1},
    ]
    said = []
    for row in rows:
        try:
            said.append(json.dumps(encode(row, description)))
        except RefusedRow as error:
            said.append(f"{error.column}: {error.detail}")

    assert said[0] == "[0.0, 1.0, 2.0, 3.0, 4.0]"
    assert [line.partition(":")[0] for line in said[1:]] == ["__proto__", "__proto__", "valueOf"]
    (tmp_path / "given.json").write_text(json.dumps([description, rows]))
    script = tmp_path / "names.mjs"
    given = str(tmp_path / "given.json")
    script.write_text(NAMES.replace("FOLDER", str(exported.folder)).replace("GIVEN", given))
    assert _node(script) == ["[0,1,2,3,4]", *said[1:]]


NAMES = """
import { readFileSync } from "node:fs";
import { encode } from "FOLDER/web/edge_model.js";

const [description, rows] = JSON.parse(readFileSync("GIVEN", "utf8"));
for (const row of rows) {
  try {
    console.log(JSON.stringify(encode(row, description)));
  } catch (error) {
    console.log(`${error.column}: ${error.detail}`);
  }
}
"""


def test_javascript_takes_undefined_as_null_for_every_tensor(exported, model, tmp_path):
    nullable = [one["name"] for one in model.description["columns"] if one["nullable"]]
    assert {"grade", "years", "income"} <= set(nullable)
    script = tmp_path / "undefined.mjs"
    entry = str(CACHE / VERSION / ENTRY)
    text = UNDEFINED.replace("FOLDER", str(exported.folder)).replace("ENTRY", entry)
    script.write_text(text.replace("NAMES", json.dumps(nullable)))
    answers = _node(script)
    assert len(answers) == 2 * len(nullable)
    assert answers[::2] == answers[1::2]


UNDEFINED = """
import { readFile } from "node:fs/promises";
import * as ort from "ENTRY";
import { EdgeModel } from "FOLDER/web/edge_model.js";

const model = await EdgeModel.load(ort, (name) => readFile(`FOLDER/${name}`));
const { row } = JSON.parse((await readFile("FOLDER/golden.jsonl", "utf8")).split("\\n")[0]);
for (const name of NAMES) {
  for (const none of [null, undefined]) {
    console.log(JSON.stringify(await model.predict([{ ...row, [name]: none }])));
  }
}
"""


def test_a_line_ends_at_a_line_feed_alone(runner, exported):
    row = json.loads((exported.folder / "golden.jsonl").read_text().splitlines()[0])["row"]
    rows = [{**row, "city": text} for text in ("Oslo", "Os\u2028lo", "Os\u0085lo\u2029")]
    lines = [json.dumps(row, ensure_ascii=False) for row in rows]
    code, said = runner(exported.folder, rows="\n".join(lines))
    assert (code, len(said.split("\n"))) == (0, 3), said


def test_what_is_not_utf_8_is_refused_alike(runner, exported):
    row = (exported.folder / "golden.jsonl").read_bytes().split(b"\n")[0]
    raw = json.dumps({**json.loads(row)["row"], "city": "CITY"}).encode()
    code, said = runner(exported.folder, rows=raw.replace(b"CITY", b"Osl\xff") + b"\n")
    assert (code, said.count("\n")) == (1, 0), said
    assert "utf-8" in said or "half a character" in said


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
        [shutil.which("node") or "node", QUICKLY, str(script)],
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.splitlines()


def _golden(model: EdgeModel) -> list[str]:
    return (model.folder / "golden.jsonl").read_text().splitlines()
