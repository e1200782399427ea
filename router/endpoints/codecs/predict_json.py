"""`{"instances": [{column: value}, ...]}`: rows stay raw JSON from the caller to the version."""

from collections.abc import Sequence
from typing import Any

import msgspec

from rollout.settings import Limits
from router.dispatch.work_items import Predicted, RowError
from router.endpoints.codecs.codec import (
    JSON,
    AnsweredCall,
    Codec,
    Encoded,
    NamedRows,
    PredictionCall,
    first_bad_row,
    status_of_bad_rows,
)
from router.problems import Problem
from router.requests.json_errors import json_fault, without_bom
from router.requests.json_scan import too_many_or_large
from router.requests.request_headers import RequestContext
from router.requests.thread_pools import LARGE_BODY, SCAN_POOL
from wire.oip.signature import TensorSignature

ERRORS_LISTED = 100
"""Bad rows that an answer describes; of further ones it has only the number."""
# The depth of the rows in a body.
ROWS_DEPTH = 2
_MANY = 1 << 62


class PredictBody(msgspec.Struct, forbid_unknown_fields=True):
    """`{"instances": [...]}`: the rows stay raw."""

    instances: list[msgspec.Raw]


class PredictJson(Codec):
    """The codec of POST /predict."""

    copies = False
    inline_bytes = LARGE_BODY
    inline_rows = _MANY

    def __init__(self, model: str, limits: Limits) -> None:
        super().__init__(model, limits)
        self._decode = msgspec.json.Decoder(PredictBody).decode
        self._model = msgspec.json.encode(model)
        self._heads: dict[str, bytes] = {}

    def read(
        self,
        context: RequestContext,  # noqa: ARG002
        body: bytes,
        known: Sequence[TensorSignature],  # noqa: ARG002
    ) -> PredictionCall:
        """See Codec."""
        return NamedRows(self.rows(body))

    async def read_apart(
        self, context: RequestContext, body: bytes, known: Sequence[TensorSignature]
    ) -> PredictionCall:
        """Look through the body in a thread; then its rows can be cut out in the event loop."""
        if len(body) > LARGE_BODY:
            await self._check_size(body)

        return self.read(context, body, known)

    def rows(self, body: bytes) -> list[msgspec.Raw]:
        """The raw rows of a body; raises Problem 400."""
        try:
            # Raw rows are not decoded here, so invalid UTF-8 would spoil the whole batch.
            if not body.isascii():
                body = without_bom(body)
                body.decode()

            rows = self._decode(body).instances
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
            raise Problem(400, json_fault(body, error)) from error

        if not rows:
            raise Problem(400, "`instances` is empty: send at least one row")

        return rows

    def require_small(self, rows: list[msgspec.Raw], body_bytes: int) -> None:
        """See Codec: no row is larger than its body."""
        if body_bytes > self.limits.max_row_bytes:
            super().require_small(rows, body_bytes)
        else:
            self.require_rows(len(rows))

    async def _check_size(self, body: bytes) -> None:
        """Refuse a body whose decoding would take too much memory. Raises Problem 413, 503."""
        most, most_bytes = self.limits.max_rows, self.limits.max_row_bytes
        broken = await SCAN_POOL.run(too_many_or_large, body, ROWS_DEPTH, most, most_bytes)
        if broken == "number":
            raise Problem(413, f"more than {most} rows in one request: at most {most} are allowed")
        if broken == "size":
            raise Problem(
                413, f"a row has more than {most_bytes} bytes: at most {most_bytes} are allowed"
            )

    def answer(self, answered: AnsweredCall) -> Encoded:
        """See Codec."""
        head = self._heads.get(answered.version)
        if head is None:
            head = b'{"model":%b,"version":%b,"predictions":[' % (
                self._model,
                msgspec.json.encode(answered.version),
            )
            self._heads[answered.version] = head

        predicted = answered.predicted
        rows = b",".join(predicted.predictions)
        return [JSON], b"%b%b]%b}" % (head, rows, further_members(predicted))

    def refusal(self, problem: Problem) -> Encoded:
        """See Codec."""
        return problem.headers(), problem.body()

    def bad_rows(
        self,
        call: PredictionCall,  # noqa: ARG002
        version: str,
        predicted: Predicted,
        signature: TensorSignature | None,  # noqa: ARG002
    ) -> Problem:
        """The problem that describes the bad rows and has the predictions of the others."""
        errors = predicted.errors
        extra: dict[str, Any] = {}
        if len(errors) > ERRORS_LISTED:
            extra["errors_not_listed"] = len(errors) - ERRORS_LISTED

        bad = {error.row for error in errors}
        outputs = {name: _without_bad(values, bad) for name, values in predicted.outputs.items()}
        if outputs:
            extra["outputs"] = outputs

        return Problem(
            status_of_bad_rows(predicted, 422),
            first_bad_row(predicted),
            version=version,
            errors=list(map(_listed, errors[:ERRORS_LISTED])),
            **extra,
            predictions=_without_bad(predicted.predictions, bad),
        )


def further_members(predicted: Predicted) -> bytes:
    """What follows the predictions: further outputs, and what the positions of lists mean."""
    members = outputs_member(predicted)
    if predicted.classes != b"null":
        members += b',"classes":%b' % predicted.classes

    if predicted.targets != b"null":
        members += b',"targets":%b' % predicted.targets

    return members


def outputs_member(predicted: Predicted) -> bytes:
    """The further outputs by name, empty where there are none."""
    if not predicted.outputs:
        return b""

    outputs = (
        b"%b:[%b]" % (msgspec.json.encode(name), b",".join(values))
        for name, values in predicted.outputs.items()
    )
    return b',"outputs":{%b}' % b",".join(outputs)


def _without_bad(values: list[msgspec.Raw], bad: set[int]) -> list[msgspec.Raw | None]:
    return [None if row in bad else raw for row, raw in enumerate(values)]


def _listed(error: RowError) -> dict[str, object]:
    return {
        "row": error.row,
        "status": error.status,
        "detail": error.detail,
        "column": error.column,
    }
