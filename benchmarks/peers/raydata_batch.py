"""Ray Data: a Parquet file through a model in two actors, and a folder of Parquet out.

Run by benchmarks/batch.py with the files' paths: `raydata_batch.py VERSION SOURCE OUT FOLDER`.
FOLDER is where Ray keeps its sockets and logs.
"""

import sys
from typing import Any

import numpy as np
import ray

from benchmarks.peers.models import onnx

BATCH_ROWS = 4096


class Flights:
    """A delivered version on ONNX Runtime, one thread."""

    def __init__(self, path: str) -> None:
        self.names, self.run = onnx(path)

    def __call__(self, batch: dict[str, np.ndarray]) -> dict[str, Any]:
        """The probabilities of a batch of columns."""
        answer = self.run({name: batch[name] for name in self.names})
        return {"probability_0": answer[:, 0], "probability_1": answer[:, 1]}


def main() -> None:
    """Predict and end."""
    path, source, out, folder = sys.argv[1:]
    # Logical CPUs: reading and writing must be placed beside the actors.
    ray.init(address="local", num_cpus=4, include_dashboard=False, _temp_dir=folder)
    ray.data.DataContext.get_current().enable_progress_bars = False
    flights = ray.data.read_parquet(source)
    answers = flights.map_batches(
        Flights,
        fn_constructor_args=(path,),
        batch_size=BATCH_ROWS,
        compute=ray.data.ActorPoolStrategy(size=2),
        num_cpus=1,
    )
    answers.write_parquet(out)


if __name__ == "__main__":
    main()
