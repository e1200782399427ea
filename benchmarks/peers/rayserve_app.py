"""Ray Serve: both versions in each of two replicas, requests batched by a timer.

PORT is where its ingress listens, FOLDER where Ray keeps its sockets and logs.
"""

import os
import time
from typing import Any

import ray
from ray import serve
from starlette.requests import Request

from benchmarks.peers.models import weighted


@serve.deployment(num_replicas=2, max_ongoing_requests=256, ray_actor_options={"num_cpus": 1})
class Flights:
    """One flight a request."""

    def __init__(self) -> None:
        self.model = weighted()

    @serve.batch(max_batch_size=64, batch_wait_timeout_s=0.005)
    async def predict(self, rows: list[dict[str, Any]]) -> list[list[float]]:
        """Probabilities, a row each."""
        return self.model(rows).tolist()

    async def __call__(self, request: Request) -> dict[str, Any]:
        """Answer as the plain service does."""
        row = (await request.json())["instances"][0]
        return {"predictions": [await self.predict(row)]}


def main() -> None:
    """Serve until ended."""
    # Logical CPUs: the replicas have the two cores, and Serve's own actors must be placed as well.
    ray.init(address="local", num_cpus=4, include_dashboard=False, _temp_dir=os.environ["FOLDER"])
    serve.start(http_options={"host": "127.0.0.1", "port": int(os.environ["PORT"])})
    serve.run(Flights.bind(), route_prefix="/predict", logging_config={"enable_access_log": False})
    while True:
        time.sleep(3600)


if __name__ == "__main__":
    main()
