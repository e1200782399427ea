"""The act of delivery: all of a version appears at once, once and for ever, or nothing of it
does.
"""

import os
import shutil
import subprocess
import sys
from dataclasses import replace

import joblib
import numpy as np
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from delivery.errors import DeliveryError
from delivery.pack import deliver
from delivery.signatures import signing_key
from service.bundle import verify_bundle
from service.runtimes.load_model import load_model
from tests.delivery.delivery_harness import EVERY_FILE
from tests.delivery.pipeline_catalogue import entries

CHANGING = """
from pathlib import Path
from tests.delivery.loan_pipelines import *

def build():
    strength = float(Path(__file__).with_name("strength").read_text())
    made = fitted(LogisticRegression(C=strength), bad, "predict_proba")
    return Recipe(made.pipeline, made.held_out, None, made.output)
"""


def contents(folder):
    """Every file with its bytes, its node and when it was written."""
    return {
        path.name: (path.read_bytes(), path.stat().st_ino, path.stat().st_mtime_ns)
        for path in sorted(folder.iterdir())
    }


def refused(harness, *arguments, **more):
    """What keeps a version from being delivered."""
    with pytest.raises(DeliveryError) as error:
        harness.deliver(*arguments, **more)
    return str(error.value)


@pytest.fixture
def begun(shared, harness):
    """A harness of one's own where v1 was delivered before."""
    shutil.copytree(shared.releases / "v1", harness.releases / "v1")
    shutil.copytree(shared.keys, harness.keys)
    return harness


def test_a_version_appears_with_all_its_files_and_holds(harness):
    made = harness.deliver("logistic")
    assert (made.path, made.fresh) == (harness.releases / "v1", True)
    assert harness.left() == ["v1"]
    assert sorted(path.name for path in made.path.iterdir()) == EVERY_FILE
    bundle = verify_bundle(made.path, harness.public)
    assert (bundle.manifest, bundle.digest) == (made.manifest, made.digest)


def test_what_happens_is_said_line_by_line(shared):
    message = "\n".join(shared.reported)
    for line in (
        f"building {shared.folder / 'logistic.py'}",
        "160 held-out rows, 5 columns; converting to ONNX",
        "certified runtime: onnx (equal on 160 held-out and ",
        "held out: accuracy 0.",
        "golden rows answered by onnx",
    ):
        assert line in message


def test_the_private_key_is_in_no_file_of_a_bundle(shared):
    key = signing_key(shared.keys)
    secrets = [
        key.private_bytes_raw(),
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
    ]
    secrets += [secrets[1].splitlines()[1], b"PRIVATE KEY"]
    for path in shared.releases.rglob("*"):
        if path.is_file():
            raw = path.read_bytes()
            assert not any(secret in raw for secret in secrets)

    assert not any(str(secret) in "\n".join(shared.reported) for secret in secrets)


def test_the_same_content_again_is_fine_and_changes_nothing(begun):
    path = begun.releases / "v1"
    before, digest = contents(path), verify_bundle(path, begun.public).digest
    again = begun.deliver("logistic")
    assert (again.fresh, again.path, again.digest) == (False, path, digest)
    assert contents(path) == before
    assert begun.left() == ["v1"]


@pytest.mark.parametrize(
    ("recipe", "changes"),
    [
        ("trees", {}),
        ("build = logistic\n", {}),
        ("logistic", {"tolerance": 1e-18}),
    ],
)
def test_other_content_under_the_same_name_is_refused_and_changes_nothing(begun, recipe, changes):
    before = contents(begun.releases / "v1")
    if "\n" in recipe:
        recipe = begun.recipe("mine", f"from tests.delivery.loan_pipelines import *\n{recipe}")

    with pytest.raises(DeliveryError) as error:
        deliver(replace(begun.request(recipe), **changes), begun.reported.append)

    message = str(error.value)
    assert message.startswith("v1 was delivered on 20")
    assert message.endswith(
        "with other content: versions are immutable, deliver this one under a new name"
    )
    assert contents(begun.releases / "v1") == before
    assert begun.left() == ["v1"]


def test_a_recipe_that_builds_another_model_than_before_is_refused(harness):
    """Its file is the same, and without labels its metrics are too: the predictions tell."""
    path = harness.recipe("mine", CHANGING)
    strength = harness.folder / "strength"
    strength.write_text("1.0")
    harness.deliver(path)
    assert not harness.deliver(path).fresh
    strength.write_text("0.5")
    assert "with other content" in refused(harness, path)


def test_a_delivered_version_that_was_damaged_is_not_called_the_same(begun):
    damaged = begun.releases / "v1" / "model.onnx"
    damaged.write_bytes(b"")
    message = refused(begun, "logistic")
    assert message.startswith("v1 was delivered before and its bundle is no longer intact: ")
    assert "model.onnx was changed" in message
    assert damaged.read_bytes() == b""


def test_two_versions_stand_beside_each_other_under_one_key(begun):
    begun.deliver("grades", "v2")
    assert begun.left() == ["v1", "v2"]
    assert sorted(path.name for path in begun.keys.iterdir()) == ["sluice.key", "sluice.pub"]
    reported = [
        verify_bundle(begun.releases / name, begun.public).manifest.version for name in ("v1", "v2")
    ]
    assert reported == ["v1", "v2"]


def test_of_two_who_deliver_one_version_at_the_same_moment_one_wins_and_the_other_is_told(
    shared, harness
):
    def meanwhile(line):
        if "golden rows answered" in line:
            shutil.copytree(shared.releases / "v1", harness.releases / "v1")

    with pytest.raises(DeliveryError, match="v1 was delivered by somebody else at the same moment"):
        deliver(harness.request("logistic"), meanwhile)

    assert harness.left() == ["v1"]
    verify_bundle(harness.releases / "v1", shared.public)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "def build():\n    raise ValueError\n",
        "def build():\n    return 1\n",
        "def build():\n    return Recipe(logistic().pipeline, loans(2, 3).assign(city=3), None)\n",
        "def build():\n    return Recipe(fitted(Nothing(), risk, 'predict').pipeline, loans(2, "
        "3), None)\n",
        "class Mine(Halver):\n    pass\ndef build():\n    return fitted(LogisticRegression(), "
        "bad, 'predict', "
        "make_pipeline(columns(), Mine()))\n",
    ],
)
def test_a_failure_leaves_nothing_behind(harness, text):
    path = harness.recipe("mine", f"from tests.delivery.loan_pipelines import *\n{text}")
    assert refused(harness, path)
    assert harness.left() == []


def test_a_version_that_does_not_load_in_a_fresh_process_is_not_delivered(
    harness, tmp_path_factory
):
    """Its class is known here, where the recipe put some other folder on the path, and nowhere
    else.
    """
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    alone = "class Alone:\n    def predict(self, frame):\n        return [1.0] * len(frame)\n"
    (elsewhere / "known_here_only.py").write_text(alone)
    text = f"""
import sys
sys.path.insert(0, {str(elsewhere)!r})
from known_here_only import Alone
from tests.delivery.loan_pipelines import *
sys.path.pop(0)
def build():
    return Recipe(Alone(), loans(2), None)
"""
    message = refused(harness, harness.recipe("mine", text))
    assert (
        "does not load in a fresh process: ModuleNotFoundError: No module named 'known_here_only'"
        in message
    )
    assert harness.left() == []


def test_a_private_key_that_others_may_read_is_refused_before_anything_is_written(harness):
    signing_key(harness.keys)
    (harness.keys / "sluice.key").chmod(0o640)
    assert "`chmod 600 " in refused(harness, "logistic")
    assert harness.left() == []


@pytest.mark.parametrize("name", ["releases", "keys"])
def test_a_file_in_the_place_of_a_folder_is_named(harness, name):
    (harness.folder / name).write_text("")
    assert refused(harness, "logistic").startswith(f"{harness.folder / name}")


def test_a_file_in_the_place_of_the_version_is_kept_and_named(harness):
    harness.releases.mkdir()
    (harness.releases / "v1").write_text("mine")
    assert "v1/release.yaml cannot be read" in refused(harness, "logistic")
    assert (harness.releases / "v1").read_text() == "mine"


def test_drafts_of_processes_that_died_are_cleared_and_those_of_others_are_kept(harness):
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait(300)
    harness.releases.mkdir()
    # A number is given again after a restart, in a container even at once: this process's own may
    # be a dead one's.
    for pid in (ended.pid, os.getppid(), os.getpid()):
        (harness.releases / f".v1.partial-{pid}").mkdir()
        (harness.releases / f".v1.partial-{pid}" / "model.pkl").write_bytes(b"half")

    harness.deliver("logistic")
    assert harness.left() == [f".v1.partial-{os.getppid()}", "v1"]
    assert sorted(path.name for path in (harness.releases / "v1").iterdir()) == EVERY_FILE


def environ(harness):
    """The surroundings in which deploy.py works in this folder."""
    places = {"SLUICE_RELEASES": "releases", "SLUICE_KEYS": "keys", "SLUICE_STATE": "var"}
    return os.environ | {name: str(harness.folder / path) for name, path in places.items()}


def test_a_name_that_another_models_bundle_has_is_refused_before_any_work(begun):
    before = contents(begun.releases / "v1")
    with pytest.raises(
        DeliveryError,
        match=r"holds v1 of the model 'loans', this one is of 'mortgages': .*SLUICE_RELEASES",
    ):
        deliver(replace(begun.request("logistic"), model="mortgages"), begun.reported.append)

    assert begun.reported == []
    assert contents(begun.releases / "v1") == before


def test_an_error_that_delivery_does_not_know_is_told_in_one_line_and_leaves_nothing(
    harness, monkeypatch
):
    def fail(*_):
        raise ZeroDivisionError("of somebody else\nand more")

    monkeypatch.setattr("delivery.pack.write_contents", fail)
    with pytest.raises(
        DeliveryError,
        match=r"ZeroDivisionError: of somebody else \(test_pack.py, line \d+, in fail\)",
    ) as failed:
        harness.deliver("logistic")

    assert "\n" not in str(failed.value)
    assert harness.left() == []


@pytest.mark.usefixtures("few_probes")
def test_a_pickle_that_depends_on_its_batch_is_served_one_row_at_a_time_where_asked_for(
    harness,
):
    recipe = entries()["ranks"].build()
    joblib.dump(recipe.pipeline, harness.folder / "ranks.pkl")
    recipe.held_out.to_parquet(harness.folder / "rows.parquet")
    given = {"source": harness.folder / "ranks.pkl", "sample": harness.folder / "rows.parquet"}
    with pytest.raises(DeliveryError, match="--one-row-at-a-time"):
        harness.deliver(**given)

    assert harness.left() == []

    made = harness.deliver(**given, one_row_at_a_time=True)
    assert made.manifest.one_row_at_a_time
    model = load_model(verify_bundle(made.path, harness.public))
    columns = {name: recipe.held_out[name].to_numpy() for name in recipe.held_out}
    alone = [
        recipe.pipeline.predict_proba(recipe.held_out[row : row + 1])[0].tolist()
        for row in range(24)
    ]
    assert model.predict(columns) == alone


def test_a_pipeline_of_texts_is_delivered_and_answers_each_of_them(harness):
    """It was a constant: one answer for n texts, searched by halves down to single ones."""
    recipe = entries()["tfidf_list"].build()
    joblib.dump(recipe.pipeline, harness.folder / "texts.pkl")
    recipe.held_out.to_parquet(harness.folder / "rows.parquet")
    made = harness.deliver(harness.folder / "texts.pkl", sample=harness.folder / "rows.parquet")
    assert made.manifest.input == "series"
    model = load_model(verify_bundle(made.path, harness.public))
    answers = model.predict({"text": recipe.held_out["text"].to_numpy(dtype=object)})
    expected = recipe.pipeline.predict_proba(recipe.held_out["text"].tolist())
    assert np.allclose(answers, expected, rtol=0, atol=1e-12)
    assert len({tuple(answer) for answer in answers}) > 10


LOUD = """
print("imported")

class Loud:
    def predict(self, frame):
        print("asked")
        return [1.0] * len(frame)
"""


def test_what_a_recipe_and_its_steps_print_goes_to_stderr_and_the_report_does_not(harness, capsys):
    (harness.folder / "loud.py").write_text(LOUD)
    text = "from loud import Loud\nfrom tests.delivery.loan_pipelines import *\ndef build():\n"
    built = "    print('built')\n    return Recipe(Loud(), loans(2), None)\n"
    deliver(harness.request(harness.recipe("mine", text + built)), print)
    message = capsys.readouterr()
    assert message.out.startswith("building")
    assert message.out.endswith(" golden rows answered by sklearn\n")
    assert not {"imported", "built", "asked"} & set(message.out.split())
    assert message.err.startswith("imported\nbuilt\nasked\n")
