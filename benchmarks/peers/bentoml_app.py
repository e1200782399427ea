"""BentoML: both versions in one service; each row of an adaptive batch is v1's or v2's by
weight.
"""

import random

import bentoml
import numpy as np

from benchmarks.peers.models import load


@bentoml.service(workers=2, traffic={"timeout": 60}, logging={"access": {"enabled": False}})
class Flights:
    """Two workers, one a core, as a batch is formed within a worker."""

    def __init__(self) -> None:
        self.versions = {"v1": load("v1"), "v2": load("v2")}

    @bentoml.api(batchable=True, batch_dim=0, max_batch_size=64, max_latency_ms=1000)
    def predict(self, instances: list[dict]) -> list[list[float]]:
        """Probabilities a row."""
        chosen = np.array([random.random() < 0.1 for _ in instances])
        answers = np.empty((len(instances), 2))
        for version, places in (("v1", np.flatnonzero(~chosen)), ("v2", np.flatnonzero(chosen))):
            if len(places):
                answers[places] = self.versions[version]([instances[index] for index in places])

        return answers.tolist()
