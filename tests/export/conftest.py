"""A version is delivered and exported once; tests read it, or break a copy."""

import pickle
import shutil
from dataclasses import replace

import pytest

from tests.delivery.delivery_harness import DeliveryHarness
from tests.delivery.few_probes import fewer_probes
from tests.export.export_harness import RECIPE, ExportHarness, other_programs, require_node
from tests.shared_folder import filled, shared_folder


@pytest.fixture(scope="session", autouse=True)
def _few_repeats():
    """Nobody reads the latencies of these tests; they are measured all the same."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("delivery.proof.evaluation.REPEATS", 3)
        yield


@pytest.fixture(scope="session")
def made(tmp_path_factory, worker_id):
    """The folder that all runners of a run copy from, with v1 delivered."""
    folder = shared_folder(tmp_path_factory, worker_id, "export")

    def deliver():
        delivery = DeliveryHarness(folder)
        with fewer_probes():
            delivery.deliver(delivery.recipe("gaps", RECIPE), "v1")

    return filled(folder, deliver, "v1")


@pytest.fixture(scope="session")
def harness(made, tmp_path_factory):
    """A harness with v1 delivered; only to be read, or to export into further folders."""
    folder = tmp_path_factory.mktemp("own-export")
    for name in ("releases", "keys"):
        shutil.copytree(made / name, folder / name)

    return ExportHarness(DeliveryHarness(folder))


@pytest.fixture(scope="session")
def exported(made, harness):
    """v1 with its page; only to be read."""
    require_node()
    whole = made / "exported"

    def export():
        of_all = ExportHarness(DeliveryHarness(made))
        exported = of_all.export("v1", "edge", page=True)
        whole.write_bytes(pickle.dumps((exported, of_all.reported)))

    filled(made, export, "edge")
    exported, reported = pickle.loads(whole.read_bytes())
    harness.reported += reported
    # With the key that an export makes.
    shutil.copytree(made / "keys", harness.delivery.keys, dirs_exist_ok=True)
    folder = shutil.copytree(made / "edge", harness.delivery.folder / "edge")
    return replace(exported, folder=folder)


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
