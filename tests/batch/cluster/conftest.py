"""A cluster for one test."""

import pytest

from tests.batch.cluster.cluster_harness import ClusterHarness


@pytest.fixture
def cluster(tmp_path):
    """A cluster that is ended with its test."""
    folder = tmp_path / "cluster"
    folder.mkdir()
    harness = ClusterHarness(folder)
    yield harness
    harness.end()
