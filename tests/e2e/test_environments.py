"""Versions with other packages than the stack's: delivered, deployed and released side by side.

Two scikit-learn minors and LightGBM, which the stack does not have. The environments are installed
from the user's index once a run; without one these tests are skipped.
"""

import json
import os
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from tests.e2e.stack_harness import ROOT, ROW, StackHarness, Users
from tests.shared_folder import filled, shared_folder

OLD = "scikit-learn==1.7.2"
RECIPES = Path("tests/e2e/recipes")
PICKLER = """
import sys
import joblib
from tests.e2e.recipes.served_by_pipeline import build
recipe = build()
joblib.dump(recipe.pipeline, sys.argv[1] + "/model.pkl")
recipe.held_out.assign(late=recipe.labels).to_csv(sys.argv[1] + "/rows.csv", index=False)
"""


def deliver_all(stack: StackHarness) -> None:
    """v1 by an older scikit-learn, v2 by the stack's, v3 with LightGBM."""
    (stack.folder / "old.txt").write_text(f"{OLD}\n")
    (stack.folder / "trees.yaml").write_text("dependencies:\n- lightgbm=4.6.0\n")
    recipe = str(RECIPES / "served_by_pipeline.py")
    options = ("--environment", str(stack.folder / "old.txt"))
    first = stack.run("deliver", "v1", "--from", recipe, *options, check=False)
    if "no package index was reached" in first.out:
        pytest.skip("no package index is reached from here")

    assert first.code == 0, first.out
    assert f"old.txt wants {OLD}, which is" in first.out
    stack.run("deliver", "v2", "--from", recipe)
    options = ("--environment", str(stack.folder / "trees.yaml"))
    stack.run("deliver", "v3", "--from", str(RECIPES / "served_by_lightgbm.py"), *options)


@pytest.fixture(scope="session")
def others_delivered(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path:
    """A folder with keys, bundles and the environments that the deliveries built."""
    folder = shared_folder(tmp_path_factory, worker_id, "others")
    return filled(folder, lambda: deliver_all(StackHarness(folder)))


@pytest.fixture
def others(others_delivered: Path, tmp_path: Path):
    """A stack with these bundles and environments, and nothing running."""
    for part in ("releases", "keys"):
        shutil.copytree(others_delivered / part, tmp_path / part)
    environments = others_delivered / "var" / "environments"
    # Environments name no path of their own: they may be anywhere.
    shutil.copytree(
        environments, tmp_path / "var" / "environments", symlinks=True, copy_function=os.link
    )
    made = StackHarness(tmp_path)
    yield made
    made.run("down", check=False)


def environment_of(stack: StackHarness, program: str) -> str:
    """The environment that a program's process runs in: its digest, or empty for the stack's."""
    command = Path(f"/proc/{stack.pids(program)[0]}/cmdline").read_bytes().decode()
    _, found, rest = command.partition(f"{stack.folder}/var/environments/")
    if not found:
        return ""
    return rest.partition("/")[0]


def test_versions_with_other_packages_run_side_by_side_and_release_without_a_failure(
    others: StackHarness,
) -> None:
    others.up("v1", "v2", "v3")
    programs = {name: others.ledger.version(name).program for name in ("v1", "v2", "v3")}
    used = {name: environment_of(others, program) for name, program in programs.items()}
    assert used["v2"] == ""
    assert len(set(used.values())) == 3

    with Users(others) as users:
        for version in ("v2", "v3", "v1"):
            others.run("canary", version, "--steps", "25,50")
            users.more(100)
            others.run("promote", version)
            users.only(version)
        others.run("rollback")
        users.only("v3")

    assert users.failed == []
    assert {"v1", "v2", "v3"} <= users.answers.keys()

    doctor = others.run("doctor").out
    assert "✔ environment of v1: its own" in doctor
    assert "scikit-learn 1.7.2 (1.9.1 here)" in doctor
    assert "lightgbm 4.6.0 (not installed here)" in doctor
    assert "environment of v2" not in doctor
    assert "✔ environment of v3: its own, for lightgbm" in others.run("lint").out


def test_a_pickle_of_another_scikit_learn_is_proved_in_its_own(
    others: StackHarness, others_delivered: Path
) -> None:
    manifest = yaml.safe_load((others.folder / "releases/v1/release.yaml").read_text())
    assert manifest["requirements"]["scikit-learn"] == "1.7.2"
    made_in = _with(others, "skl2onnx", "1.7.2")
    subprocess.run(
        [made_in, "-c", PICKLER, str(others.folder)],
        cwd=ROOT,
        env={"PYTHONPATH": str(ROOT)},
        check=True,
        timeout=300,
    )
    options = ("--sample", str(others.folder / "rows.csv"), "--label", "late")
    model = str(others.folder / "model.pkl")
    delivered = others.run("deliver", "v4", "--from", model, *options)
    assert "model.pkl was pickled by scikit-learn 1.7.2" in delivered.out
    manifest = yaml.safe_load((others.folder / "releases/v4/release.yaml").read_text())
    assert manifest["packages"]["scikit-learn"] == "1.7.2"
    assert "golden rows" in others.run("verify", "v4").out
    others.up("v4")
    assert others.predict(ROW).status_code == 200


def _with(stack: StackHarness, package: str, scikit_learn: str) -> str:
    """The interpreter of an environment that has this package and that scikit-learn."""
    for path in (stack.folder / "var" / "environments").glob("*/environment.json"):
        packages = json.loads(path.read_text())["packages"]
        if package in packages and packages["scikit-learn"] == scikit_learn:
            return str(path.parent / "bin" / "python")

    raise AssertionError("the delivery built none")


def test_an_environment_that_cannot_be_built_refuses_the_deployment_and_what_runs_goes_on(
    others: StackHarness,
) -> None:
    others.up("v2")
    kept = others.folder / "var" / "environments"
    shutil.rmtree(kept)
    offline = {"UV_OFFLINE": "1", "UV_CACHE_DIR": str(others.folder / "empty")}
    with Users(others) as users:
        refused = others.run("deploy", "v3", check=False, **offline)
        users.more(20)

    assert refused.code == 1
    assert "v3 needs lightgbm 4.6.0 (not installed here)" in refused.out
    assert "the environment of v3 cannot be built: no package index was reached" in refused.out
    assert users.failed == []
    assert "v3" not in others.ledger.versions
    assert [path for path in kept.iterdir() if path.suffix != ".lock"] == []


@pytest.mark.parametrize("version", ["v1", "v3"])
def test_files_are_predicted_with_the_packages_of_a_version(
    others: StackHarness, version: str
) -> None:
    raw = (others.folder / "releases" / version / "golden.jsonl").read_text()
    golden = [json.loads(line) for line in raw.splitlines()]
    rows = pd.DataFrame([line["row"] for line in golden])
    for name in ("a", "b"):
        rows.to_parquet(others.folder / f"{name}.parquet")

    out = others.folder / "predicted"
    options = ("--out", str(out), "--format", "jsonl", "--processes", "2")
    said = others.run("predict", version, "--in", str(others.folder / "*.parquet"), *options).out
    assert f"{version} needs " in said
    assert f"{version} on sklearn: 2 files" in said
    for name in ("a", "b"):
        lines = (out / f"{name}.jsonl").read_text().splitlines()
        predicted = [list(json.loads(line).values()) for line in lines]
        assert np.allclose(predicted, [line["prediction"] for line in golden], atol=1e-9)


def test_what_no_delivered_version_needs_is_collected(others: StackHarness) -> None:
    others.up("v1")
    folder = others.folder / "var" / "environments"
    before = {path.parent.name for path in folder.glob("*/environment.json")}
    collected = others.run("collect", "--json").json
    after = {path.parent.name for path in folder.glob("*/environment.json")}
    # What the deliveries ran in goes; what v1 and v3 run in stays.
    assert set(collected["environments"]) == before - after
    assert len(after) == 2
    assert environment_of(others, others.ledger.version("v1").program) in after
    assert others.predict(ROW).status_code == 200

    shutil.rmtree(others.folder / "releases" / "v3")
    assert len(others.run("collect", "--json").json["environments"]) == 1


@pytest.mark.soak
@pytest.mark.timeout(600)
def test_a_rehearsal_goes_from_one_environment_to_the_other(others: StackHarness) -> None:
    said = others.run("rehearse", "v3", "v1", "--json").json
    assert all(step["code"] == 0 for step in said["steps"])
    assert said["failed"] == 0
    assert said["requests"] > 500
