"""A harness for each test; a bundle that nothing changes is delivered once."""

import shutil

import pytest

from tests.delivery.delivery_harness import DeliveryHarness
from tests.delivery.few_probes import fewer_probes


@pytest.fixture(scope="session", autouse=True)
def _few_repeats():
    """Nobody reads the latencies of these tests; they are measured all the same."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("delivery.proof.evaluation.REPEATS", 3)
        yield


@pytest.fixture
def few_probes():
    """Deliveries of this test are proved on fewer probe rows."""
    with fewer_probes():
        yield


@pytest.fixture
def harness(tmp_path):
    """An empty harness."""
    return DeliveryHarness(tmp_path)


@pytest.fixture(scope="session")
def shared(tmp_path_factory):
    """A harness where v1 was delivered, logistic and on ONNX; only to be read."""
    made = DeliveryHarness(tmp_path_factory.mktemp("shared"))
    made.deliver("logistic", "v1")
    return made


@pytest.fixture
def copy(shared, tmp_path):
    """copy(): v1 as a bundle of one's own, to be broken."""
    return lambda: shutil.copytree(shared.releases / "v1", tmp_path / "v1")
