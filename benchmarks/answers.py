"""Whether a set-up answers what v1 or v2 says: a fast wrong answer is not measured."""

from functools import cache

import httpx
import joblib
import numpy as np

from benchmarks.load import flights
from benchmarks.processes import BenchmarkFailed
from benchmarks.setups.bundles import bundle
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
            _check(scores, index, running.url)


def _post(client: httpx.Client, url: str, body: str) -> httpx.Response:
    try:
        return client.post(url, content=body)
    except httpx.HTTPError as error:
        raise BenchmarkFailed(f"{url} did not answer: {error!r}") from error


def _check(scores: np.ndarray, index: int, url: str) -> None:
    right = {version: _expected(version)[index] for version in ("v1", "v2")}
    if not any(
        scores.shape == one.shape and np.abs(scores - one).max() <= TOLERANCE
        for one in right.values()
    ):
        expected = ", ".join(f"{version} says {one.tolist()}" for version, one in right.items())
        raise BenchmarkFailed(
            f"{url} answered {scores.tolist()} to request {index + 1}: {expected}"
        )


@cache
def _expected(version: str) -> np.ndarray:
    return joblib.load(bundle(version) / "model.pkl").predict_proba(flights().head(CHECKED))
