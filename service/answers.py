"""What a version answers to /predict: status, headers and body, whichever way the request came."""

from typing import Any

import msgspec

from service.metrics import Metrics
from service.predict import Outcome, Predictor
from service.rows import BadRow, Malformed

Headers = list[tuple[bytes, bytes]]
Answer = tuple[int, Headers, bytes]

JSON = b"application/json"
PROBLEM = b"application/problem+json"
ERRORS_LISTED = 100
"""Bad rows that an answer to a single caller describes one by one; of more it says how many there
are.
"""
_encode = msgspec.json.Encoder().encode


class PredictResponses:
    """The answers of one loaded version."""

    def __init__(self, predictor: Predictor, metrics: Metrics) -> None:
        self.predictor, self.metrics = predictor, metrics
        manifest = predictor.manifest
        self._version = manifest.version.encode()
        self._head = b'{"model":%b,"version":%b,"predictions":' % (
            _encode(manifest.model),
            _encode(manifest.version),
        )
        classes = b',"classes":%b}' % _encode(manifest.classes)
        self._tail = classes if manifest.output == "predict_proba" else b"}"

    def run(self, body: bytes) -> Outcome:
        """Predict the rows of a body and count them; raises service.rows.Malformed."""
        outcome = self.predictor.predict(body)
        bad = len(outcome.errors)
        self.metrics.predicted(len(outcome.predictions) - bad, bad, outcome.seconds)
        return outcome

    def predict(self, body: bytes, batched: bool) -> tuple[int, Headers, bytes, float]:
        """Answer /predict; also the model's seconds. batched: bad rows stand beside the good ones,
        in one 200.
        """
        try:
            outcome = self.run(body)
        except Malformed as error:
            return *problem(400, "malformed request", str(error)), 0.0

        if outcome.errors and not batched:
            status, headers, answer = _bad_rows(outcome)
        else:
            errors = b',"errors":' + _encode(outcome.errors) if outcome.errors else b""
            answer = self._head + _encode(outcome.predictions) + errors + self._tail
            status, headers = 200, [(b"content-type", JSON)]

        headers.append((b"x-model-version", self._version))
        times = (outcome.seconds * 1000, outcome.processor_s * 1000)
        headers.append((b"server-timing", b"predict;dur=%.3f, cpu;dur=%.3f" % times))
        return status, headers, answer, outcome.seconds

    def stranger(self) -> Answer:
        """Answer who does not bear the shared secret."""
        status, headers, body = problem(401, "not authorised", "missing or invalid bearer token")
        return status, [*headers, (b"www-authenticate", b"Bearer")], body


def problem(status: int, title: str, detail: str | None, **more: Any) -> Answer:
    """RFC 9457 problem JSON."""
    body = {"type": "about:blank", "title": title, "status": status, "detail": detail, **more}
    return status, [(b"content-type", PROBLEM)], _encode(body)


def where(error: BadRow, what: str = "column") -> str:
    """The place of a bad row in words."""
    return f"row {error.row}" + (f", {what} {error.column!r}" if error.column else "")


def _bad_rows(outcome: Outcome) -> Answer:
    status = 422 if any(error.status == 422 for error in outcome.errors) else 500
    first, more = outcome.errors[0], len(outcome.errors) - 1
    title = "a row does not fit the model" if status == 422 else "the model failed"
    detail = f"{where(first)}: {first.detail}" + (f" (and {more} more)" if more else "")
    unlisted = max(0, len(outcome.errors) - ERRORS_LISTED)
    count = {"errors_not_listed": unlisted} if unlisted else {}
    errors = outcome.errors[:ERRORS_LISTED]
    return problem(status, title, detail, errors=errors, **count, predictions=outcome.predictions)
