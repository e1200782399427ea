"""A version is delivered and exported once; tests read it, or break a copy."""

import shutil

import pytest

from tests.delivery.delivery_harness import DeliveryHarness
from tests.export.export_harness import RECIPE, ExportHarness, other_programs, require_node


@pytest.fixture(scope="session", autouse=True)
def _few_repeats():
    """Nobody reads the latencies of these tests; they are measured all the same."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("delivery.proof.evaluation.REPEATS", 3)
        yield


@pytest.fixture(scope="session")
def harness(tmp_path_factory):
    """A harness with v1 delivered; only to be read, or to export into further folders."""
    delivery = DeliveryHarness(tmp_path_factory.mktemp("export"))
    delivery.deliver(delivery.recipe("gaps", RECIPE), "v1")
    return ExportHarness(delivery)


@pytest.fixture(scope="session")
def exported(harness):
    """v1 with its page; only to be read."""
    require_node()
    return harness.export("v1", "edge", page=True)


@pytest.fixture
def copy(exported, tmp_path):
    """The exported folder as one's own, to be broken."""
    return shutil.copytree(exported.folder, tmp_path / "edge")


@pytest.fixture(scope="session")
def other_packages():
    """The programs of an environment with OpenSSF Model Signing and an older ONNX Runtime.

    It is kept from run to run; skips the test where it cannot be installed.
    """
    return other_programs()
