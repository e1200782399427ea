"""The answers to /predict: status, headers and body, the same in Flask and on the fast path."""

import os
from typing import Any

import msgspec

from service.bundle import Manifest
from service.metrics import Metrics
from service.predict import Outcome, Predictor
from service.rows import BadRow, Malformed
from service.runtimes.model import Predictions
from service.runtimes.outputs import PREDICT, by_output, outputs_of, reads_classes

Headers = list[tuple[bytes, bytes]]
Answer = tuple[int, Headers, bytes]

JSON = b"application/json"
PROBLEM = b"application/problem+json"
ERRORS_LISTED = 100
"""So many bad rows are described one by one to a single caller; further ones are counted."""
_encode = msgspec.json.Encoder().encode


class PredictResponses:
    """The answers of one loaded version.

    workers: its processes. Where there are several, an answer names the one that it is from, so
    that the router sends each of them its own batches.
    """

    def __init__(self, predictor: Predictor, metrics: Metrics, workers: int = 1) -> None:
        self.predictor, self.metrics, self._workers = predictor, metrics, workers
        manifest = predictor.manifest
        self._version = manifest.version.encode()
        self._head = b'{"model":%b,"version":%b,"predictions":' % (
            _encode(manifest.model),
            _encode(manifest.version),
        )
        self._outputs = [output.name for output in outputs_of(manifest)]
        self._tail = _tail(manifest)

    def run(self, body: bytes) -> Outcome:
        """Predict the rows of a body and count them; raises service.rows.Malformed."""
        outcome = self.predictor.predict(body)
        bad = len(outcome.errors)
        self.metrics.predicted(len(outcome.predictions) - bad, bad, outcome.seconds)
        return outcome

    def predict(self, body: bytes, batched: bool) -> tuple[int, Headers, bytes, float]:
        """Answer /predict; returns status, headers, body and the model's seconds.

        batched: bad rows are listed beside the predictions of the others, in an answer of 200.
        """
        try:
            outcome = self.run(body)
        except Malformed as error:
            return *problem(400, "malformed request", str(error)), 0.0

        if outcome.errors and not batched:
            status, headers, answer = self._bad_rows(outcome)
        else:
            predictions, others = self._by_output(outcome)
            answer = self._head + _encode(predictions)
            if outcome.errors:
                answer += b',"errors":' + _encode(outcome.errors)

            if others:
                answer += b',"outputs":' + _encode(others)

            answer += self._tail
            status, headers = 200, [(b"content-type", JSON)]

        headers.append((b"x-model-version", self._version))
        times = (outcome.seconds * 1000, outcome.processor_s * 1000)
        headers.append((b"server-timing", b"predict;dur=%.3f, cpu;dur=%.3f" % times))
        if self._workers > 1:
            headers.append((b"x-sluice-process", b"%d/%d" % (os.getpid(), self._workers)))

        return status, headers, answer, outcome.seconds

    def _by_output(self, outcome: Outcome) -> tuple[Predictions, dict[str, Predictions]]:
        """The predictions of the first output, and those of the others by name."""
        others = by_output(self._outputs, outcome.predictions)
        return others.pop(self._outputs[0]), others

    def _bad_rows(self, outcome: Outcome) -> Answer:
        predictions, others = self._by_output(outcome)
        more: dict[str, Any] = {"predictions": predictions}
        if others:
            more["outputs"] = others

        return _bad_rows(outcome.errors, more)

    def unauthorised(self) -> Answer:
        """The answer to a request without the shared secret."""
        status, headers, body = problem(401, "not authorised", "missing or invalid bearer token")
        return status, [*headers, (b"www-authenticate", b"Bearer")], body


def problem(status: int, title: str, detail: str | None, **more: Any) -> Answer:
    """RFC 9457 problem JSON."""
    body = {"type": "about:blank", "title": title, "status": status, "detail": detail, **more}
    return status, [(b"content-type", PROBLEM)], _encode(body)


def where(error: BadRow, what: str = "column") -> str:
    """The row and the column of an error in words. what: the word for a column."""
    if error.column:
        return f"row {error.row}, {what} {error.column!r}"

    return f"row {error.row}"


def _tail(manifest: Manifest) -> bytes:
    """The end of an answer: what the positions of its lists mean."""
    tail = b""
    for output in outputs_of(manifest):
        if not tail and reads_classes(output, manifest.classes):
            tail = b',"classes":%b' % _encode(output.classes or manifest.classes)

    targets = next((output.names for output in outputs_of(manifest) if output.name == PREDICT), [])
    if targets:
        tail += b',"targets":%b' % _encode(targets)

    return tail + b"}"


def _bad_rows(errors: list[BadRow], predicted: dict[str, Any]) -> Answer:
    """predicted: what the other rows were answered."""
    status, title = 500, "the model failed"
    if any(error.status == 422 for error in errors):
        status, title = 422, "a row does not fit the model"

    detail = f"{where(errors[0])}: {errors[0].detail}"
    if len(errors) > 1:
        detail += f" (and {len(errors) - 1} more)"

    more: dict[str, Any] = {"errors": errors[:ERRORS_LISTED]}
    if len(errors) > ERRORS_LISTED:
        more["errors_not_listed"] = len(errors) - ERRORS_LISTED

    return problem(status, title, detail, **more, **predicted)
