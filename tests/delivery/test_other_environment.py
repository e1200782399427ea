"""A delivery in another environment's process: what it says and refuses comes back."""

import os
import pickle
import shutil
import signal
import sys
from pathlib import Path

import joblib
import pytest
from sklearn.linear_model import LogisticRegression

from delivery.errors import DeliveryError
from delivery.other_environment import as_plain, deliver_elsewhere, request_of
from delivery.pack import deliver
from delivery.proof.library_versions import made_by
from environments.environment_store import Built, EnvironmentStore
from environments.installed_packages import installed
from tests.delivery.delivery_harness import DeliveryHarness
from tests.process_tree import descendants_of, has_ended
from tests.until import until


@pytest.fixture
def elsewhere(harness: DeliveryHarness, monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    """deliver(source, **more): in a process of another environment, which has the same packages.

    Only the building is left out: the interpreter is this one.
    """
    here = Built(Path(sys.prefix), installed(), 0.0)
    monkeypatch.setattr(EnvironmentStore, "built", lambda *_: here)

    def run(source: str | Path, text: str = "", **more: object) -> bool:
        path = harness.recipe(source, text) if isinstance(source, str) else source
        request = harness.request(path, environments=tmp_path / "environments", **more)
        request.environments.mkdir(exist_ok=True)
        return deliver_elsewhere(request, {}, "it does not fit", harness.reported.append)

    return run


def test_a_request_is_the_same_after_its_json(harness: DeliveryHarness) -> None:
    request = harness.request("logistic", sample=Path("rows.csv"), stack={"numpy": "2"})
    assert request_of(as_plain(request)) == request


def test_a_bundle_that_is_delivered_elsewhere_is_whole_and_what_was_said_comes_back(
    harness: DeliveryHarness, elsewhere
) -> None:
    loud = (
        "import os\nfrom tests.delivery.loan_pipelines import logistic\n"
        "def build():\n    os.write(1, b'{}\\nnoise')\n    return logistic()\n"
    )
    assert elsewhere("loud", loud) is True
    assert elsewhere("loud", loud) is False
    assert (harness.releases / "v1" / "signature").exists()
    assert harness.reported[0] == "it does not fit: delivering in an environment of its own"
    assert any("golden rows answered by" in line for line in harness.reported)


REFUSED = {
    "a lambda": (
        "import tests.delivery.loan_pipelines as p\nfrom dataclasses import replace\n"
        "from sklearn.preprocessing import FunctionTransformer\n"
        "from sklearn.pipeline import make_pipeline\n"
        "def build():\n    r = p.logistic()\n"
        "    step = FunctionTransformer(lambda x: x)\n"
        "    return replace(r, pipeline=make_pipeline(step, r.pipeline))\n",
        "it holds a lambda",
    ),
    "a missing package": (
        "import not_there\ndef build():\n    pass\n",
        "No module named 'not_there'. Name its package in a file: `deliver --environment FILE`",
    ),
    "a death": ("import os\nos._exit(3)\n", r"without an answer \(exit status 3\)"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_is_refused_elsewhere_is_refused_here_with_its_reason(
    harness: DeliveryHarness, elsewhere, what: str
) -> None:
    text, reason = REFUSED[what]
    with pytest.raises(DeliveryError, match=reason):
        elsewhere("refused", text)
    assert harness.left() == []


def test_a_killed_delivery_leaves_no_process_in_the_other_environment(
    harness: DeliveryHarness, elsewhere
) -> None:
    reached = harness.folder / "reached"
    waits = (
        f"import signal\nfrom pathlib import Path\n"
        f"def build():\n    Path({str(reached)!r}).touch()\n    signal.pause()\n"
    )
    killed = os.fork()
    if killed == 0:
        try:
            elsewhere("waits", waits)
        finally:
            os._exit(0)

    until(reached.exists, "the recipe is built in the other environment")
    left = descendants_of(killed)
    os.kill(killed, signal.SIGKILL)
    os.waitpid(killed, 0)
    assert left
    for number in left:
        until(lambda number=number: has_ended(number), "a process of the killed delivery ends")

    assert elsewhere("logistic")
    assert harness.left() == ["v1"]


def test_a_class_of_main_in_another_scikit_learns_pickle_is_refused_with_what_to_do(
    harness: DeliveryHarness, elsewhere, tmp_path: Path
) -> None:
    raw = b"\x80\x04c__main__\nMine\n)\x81}(\x8c\x10_sklearn_version\x94\x8c\x051.7.2\x94ub."
    (harness.folder / "model.pkl").write_bytes(raw)
    (harness.folder / "rows.csv").write_text("a\n1\n")
    with pytest.raises(DeliveryError, match="define that in a file beside model"):
        elsewhere(harness.folder / "model.pkl", sample=harness.folder / "rows.csv")


@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
def test_the_scikit_learn_of_a_pickle_is_read_without_loading_it(protocol: int) -> None:
    import sklearn

    assert made_by(pickle.dumps(LogisticRegression(), protocol)) == sklearn.__version__


def test_a_pickle_of_nothing_names_no_scikit_learn(tmp_path: Path) -> None:
    joblib.dump({"_sklearn_version": 3}, tmp_path / "x.pkl")
    assert made_by((tmp_path / "x.pkl").read_bytes()) is None


def test_a_file_that_does_not_fit_is_refused_where_nothing_is_built(
    harness: DeliveryHarness,
) -> None:
    file = harness.folder / "mine.txt"
    file.write_text("numpy==1.0\n")
    with pytest.raises(DeliveryError, match=r"mine\.txt wants numpy==1\.0, which is .* install it"):
        deliver(harness.request("logistic", environment=file), harness.reported.append)


def test_a_file_that_fits_joins_what_the_version_requires(harness: DeliveryHarness) -> None:
    file = harness.folder / "mine.txt"
    file.write_text("threadpoolctl\npackaging>=20\n")
    delivered = harness.deliver("logistic", environment=file)
    assert {
        "packaging",
        "scikit-learn",
        "numpy",
        "pandas",
    } <= delivered.manifest.requirements.keys()
    assert "pytest" not in delivered.manifest.requirements


MODEL = Path(__file__).parent / "fixtures" / "mlflow" / "table"


def test_what_an_mlflow_model_asks_for_is_taken_over(
    harness: DeliveryHarness, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    folder = shutil.copytree(MODEL, tmp_path / "model")
    (folder / "requirements.txt").write_text("mlflow==3.1\nscikit-learn==1.7.2\npandas\n")
    asked = {}

    def elsewhere(request, versions, because, _report):
        asked.update(versions, because=because)
        raise DeliveryError("not built here")

    monkeypatch.setattr("delivery.pack.deliver_elsewhere", elsewhere)
    with pytest.raises(DeliveryError, match="not built here"):
        deliver(harness.request(folder, environments=tmp_path / "environments"), print)

    assert (asked["scikit-learn"], "mlflow" in asked) == ("==1.7.2", False)
    assert f"{folder} wants scikit-learn==1.7.2, which is " in asked["because"]
