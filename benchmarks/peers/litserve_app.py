"""LitServe: both versions in one worker, requests batched by a timer. PORT is where it listens."""

import os
from typing import Any

import litserve
import numpy as np

from benchmarks.peers.models import weighted


class Flights(litserve.LitAPI):
    """One flight a request."""

    def setup(self, device: str) -> None:  # noqa: ARG002 (LitServe's own signature)
        """Load both versions."""
        self.model = weighted()

    def decode_request(self, request: dict[str, Any]) -> dict[str, Any]:
        """The flight."""
        return request["instances"][0]

    def batch(self, inputs: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """As they are: a frame is made of them later."""
        return inputs

    def predict(self, rows: list[dict[str, Any]]) -> np.ndarray:
        """Probabilities, a row each."""
        return self.model(rows)

    def unbatch(self, output: np.ndarray) -> list[list[float]]:
        """One answer a request."""
        return output.tolist()

    def encode_response(self, output: list[float]) -> dict[str, Any]:
        """As the plain service answers."""
        return {"predictions": [output]}


def main() -> None:
    """Serve on the loopback."""
    api = Flights(max_batch_size=64, batch_timeout=0.005)
    server = litserve.LitServer(api, accelerator="cpu", workers_per_device=1)
    server.run(
        "127.0.0.1",
        int(os.environ["PORT"]),
        num_api_servers=1,
        log_level="warning",
        generate_client_file=False,
    )


if __name__ == "__main__":
    main()
