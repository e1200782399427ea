"""Whether a set-up answers what its versions say: a fast wrong answer is not measured."""

from functools import cache

import httpx
import joblib
import numpy as np

from benchmarks.processes import BenchmarkFailed
from benchmarks.setups.bundles import bundle
from benchmarks.setups.pairs import Pair
from benchmarks.setups.setup import Running

CHECKED = 32
TOLERANCE = 1e-5


def check_answers(running: Running) -> None:
    """Send the first bodies one after the other; raises BenchmarkFailed where an answer is neither
    version's.
    """
    if running.predictions is None:
        return

    headers = {"Content-Type": "application/json", **running.headers}
    bodies = running.bodies.read_text().splitlines()[:CHECKED]
    with httpx.Client(headers=headers, timeout=30.0) as client:
        for index, body in enumerate(bodies):
            answer = _post(client, running.url, body)
            try:
                scores = np.array(running.predictions(answer.json()), dtype=float).ravel()
            except (LookupError, TypeError, ValueError) as error:
                raise BenchmarkFailed(
                    f"{running.url} answered {answer.status_code}: {answer.text[:200]}"
                ) from error
            _check(scores, index, running)


def _post(client: httpx.Client, url: str, body: str) -> httpx.Response:
    try:
        return client.post(url, content=body)
    except httpx.HTTPError as error:
        raise BenchmarkFailed(f"{url} did not answer: {error!r}") from error


def _check(scores: np.ndarray, index: int, running: Running) -> None:
    pair, url = running.pair, running.url
    right = {version: _expected(pair, version)[index] for version in pair.versions}
    if not any(
        scores.shape == one.shape and np.abs(scores - one).max() <= TOLERANCE
        for one in right.values()
    ):
        expected = ", ".join(f"{version} says {one.tolist()}" for version, one in right.items())
        raise BenchmarkFailed(
            f"{url} answered {scores.tolist()} to request {index + 1}: {expected}"
        )


@cache
def _expected(pair: Pair, version: str) -> np.ndarray:
    pipeline = joblib.load(bundle(version) / "model.pkl")
    return np.asarray(pipeline.predict_proba(pair.rows(2_000).head(CHECKED)))
