"""Late labels of classes 0.0 and 1.0, in the form in which their senders have them."""

import random

import httpx
import pytest

from tests.e2e.stack_harness import ROOT, StackHarness
from tests.until import until

TRUTHS = {0: (0, 0.0, "0", "0.0"), 1: (1, 1.0, "1", "1.0")}


@pytest.fixture
def floats(tmp_path):
    """f1 released, f2 deployed; their classes are floats."""
    (tmp_path / "deploy.toml").write_text('model = "cases"\n')
    made = StackHarness(tmp_path, {"SLUICE_CONFIG": str(tmp_path / "deploy.toml")})
    try:
        for version, recipe in (("f1", "float_classes"), ("f2", "float_classes_other_way")):
            made.run("deliver", version, "--from", str(ROOT / "tests" / "trials" / f"{recipe}.py"))
        made.up("f1", "f2")
        yield made
    finally:
        made.run("down", check=False)


def test_a_version_that_labels_of_float_classes_speak_against_goes_back(floats):
    floats.run("canary", "f2", "--auto", "--steps", "50", "--every", "1h")
    chance = random.Random(1)

    def gone_back() -> bool:
        with httpx.Client(base_url=floats.url, timeout=20) as client:
            labels = []
            for _ in range(100):
                a = chance.gauss(0, 1)
                answer = client.post("/predict", json={"instances": [{"a": a, "b": 0.0, "c": 0.0}]})
                truth = chance.choice(TRUTHS[int(a > 0)])
                labels.append({"prediction_id": answer.headers["x-prediction-id"], "label": truth})
            counted = client.post("/feedback", json=labels).json()

        assert counted == {"counted": 100, "duplicates": 0, "invalid": []}
        newest = floats.run("history", "-n", "1", "--json").json["history"][0]
        return newest["actor"] == "conductor" and newest["action"] == "rollback"

    until(gone_back, "f2 goes back", 90)
    assert "labels" in floats.run("explain").out
