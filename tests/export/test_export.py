"""An export holds what predicts without a server, and is refused where nothing certifies it."""

import json
import os
from dataclasses import replace

import pytest

from export import runtimes
from export.errors import ExportError
from export.export import export_version, verify_export
from export.manifest import verified_manifest
from tests.export.export_harness import RECIPE

FILES = {
    *("LICENSE", "README.md", "golden.jsonl", "model.json", "model.onnx", "refused.jsonl"),
    *("python/README.md", "python/edge_model.py", "web/README.md", "web/edge_model.js"),
    *("web/package.json", "web/package-lock.json", "web/predict.js"),
    *("android/README.md", "cpp/README.md", "ios/README.md"),
}


@pytest.fixture
def no_node(monkeypatch, tmp_path):
    """A machine without Node."""
    monkeypatch.setenv("PATH", str(tmp_path))


def refusal(harness, version, **more):
    """Why an export is refused; it leaves nothing."""
    request = harness.request(version, f"edge of {version}", **more)
    before = set(request.folder.parent.iterdir())
    with pytest.raises(ExportError) as caught:
        export_version(request, harness.reported.append)

    assert set(request.folder.parent.iterdir()) == before
    return str(caught.value)


def test_every_runtime_is_certified_on_every_held_out_row(exported, harness):
    runs = exported.manifest.certified
    assert {name: run.rows for name, run in runs.items()} == {
        "onnxruntime": 160,
        "onnxruntime-web": 160,
    }
    assert all(0 <= run.largest_difference <= run.tolerance for run in runs.values())
    lines = [line for line in harness.reported if "equal classes on 160 held-out rows" in line]
    assert len(lines) == 2


def test_the_folder_holds_what_the_manifest_names_and_the_wasm_only_for_the_page(exported):
    files = set(exported.manifest.files)
    of_page = {name for name in files if name.startswith("page/")}
    assert files - of_page == FILES
    large = [name for name, file in exported.manifest.files.items() if file.bytes > 1_000_000]
    assert large == ["page/ort-wasm-simd-threaded.wasm"]


def test_the_texts_name_the_fingerprints_and_what_is_certified(exported):
    text = (exported.folder / "README.md").read_text()
    assert "onnxruntime-web 1.30.0: equal classes on 160 held-out rows" in text
    assert "$" not in text
    for platform in ("android", "ios", "cpp"):
        assert "not tested" in (exported.folder / platform / "README.md").read_text()


def test_it_can_be_verified_anywhere(exported, harness):
    lines = verify_export(exported.folder, harness.delivery.keys, harness.reported.append)
    assert lines[1] == f"{len(exported.manifest.files)} files are as they were signed"
    assert lines[3].startswith("44 golden rows equal")


def test_an_occupied_folder_is_left_alone(exported, harness):
    with pytest.raises(ExportError, match="edge is not empty: remove it, or name another folder"):
        harness.export("v1", "edge")

    verified_manifest(exported.folder, harness.delivery.public)


def test_without_a_certified_onnx_form_there_is_no_export(harness):
    runtime = {"certified": "sklearn", "reason": "some rows get another class"}
    harness.resign("v1", "v2", lambda manifest: manifest["runtime"].update(runtime))
    assert refusal(harness, "v2") == (
        "v2 has no certified ONNX form, without which no device can predict as the service does: "
        "some rows get another class"
    )


def test_a_changed_recipe_and_other_held_out_rows_certify_nothing(harness, tmp_path):
    recipe = tmp_path / "gaps.py"
    recipe.write_text(RECIPE + "# changed\n")
    assert "was changed since v1 was delivered" in refusal(harness, "v1", source=recipe)
    gone = tmp_path / "gone.py"
    assert "name it with --from" in refusal(harness, "v1", source=gone)
    # The same number of rows as at the delivery, and one value of them another one.
    harness.resign("v1", "v3", lambda manifest: manifest.update(held_out_sha256="0" * 64))
    assert "holds out other rows than at the delivery of v3" in refusal(harness, "v3")


def test_a_recipe_that_fails_or_is_none_is_named(harness, tmp_path):
    recipe = tmp_path / "gaps.py"
    recipe.write_text("def build():\n    return 1 / 0\n")
    assert "ZeroDivisionError" in refusal(harness, "v1", source=recipe)


def test_without_node_the_web_runner_is_left_out_and_a_page_refused(harness, no_node):
    assert "no page, since onnxruntime-web is not certified: Node is missing" in refusal(
        harness, "v1", page=True
    )
    exported = harness.export("v1", "without node")
    assert set(exported.manifest.certified) == {"onnxruntime"}
    assert "Node is missing" in exported.manifest.left_out["onnxruntime-web"]
    assert not (exported.folder / "web").exists()
    assert "**not certified**: Node is missing" in (exported.folder / "README.md").read_text()


def test_a_runtime_that_answers_otherwise_is_named_with_the_row(harness, monkeypatch):
    served = runtimes.served_rows

    def wrong(*arguments):
        rows, expected = served(*arguments)
        first = {**expected[0], "predict_proba": [0.0, 0.5, 0.5]}
        return rows, [first, *expected[1:]]

    monkeypatch.setattr(runtimes, "served_rows", wrong)
    said = refusal(harness, "v1")
    assert said.startswith("held-out row 0 gets")
    assert "1e-05 is allowed" in said


def test_a_column_that_no_runner_encodes_is_named(harness):
    def unsigned(manifest):
        manifest["columns"][-1]["frame"] = {"dtype": "uint64"}

    harness.resign("v1", "v4", unsigned)
    assert "column 'children' is uint64" in refusal(harness, "v4")


def test_a_tarball_that_is_not_the_published_one_is_refused(harness, tmp_path):
    tarball = tmp_path / "onnxruntime-web-1.30.0.tgz"
    tarball.write_bytes(b"something else")
    request = replace(harness.request("v1", "edge"), cache=tmp_path / "cache", tarball=tarball)
    with pytest.raises(ExportError, match="its SHA-512 differs"):
        runtimes.web_runner(tmp_path, request, harness.reported.append)


def test_the_ort_format_is_made_on_request_and_its_size_told(harness, no_node):
    exported = harness.export("v1", "with ort", ort_format=True)
    (line,) = [line for line in harness.reported if line.startswith("model.ort")]
    size = os.path.getsize(exported.folder / "model.ort")
    assert f"{size / 1e3:.1f} kB" in line
    assert "model.ort" in exported.manifest.files


def test_golden_rows_are_those_of_the_bundle(exported, harness):
    lines = (exported.folder / "golden.jsonl").read_text().splitlines()
    bundle = harness.delivery.releases / "v1" / "golden.jsonl"
    delivered = [json.loads(line) for line in bundle.read_text().splitlines()]
    assert [json.loads(line)["row"] for line in lines] == [line["row"] for line in delivered]
