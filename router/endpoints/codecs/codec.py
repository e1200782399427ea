"""What a prediction route has to do: make rows of a body, an answer of predictions, and errors."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from rollout.settings import Limits
from router.dispatch.work_items import Predicted
from router.problems import Headers, Problem
from router.requests.request_headers import RequestContext
from router.requests.thread_pools import DECODE_POOL
from wire.oip.signature import TensorSignature

Encoded = tuple[Headers, bytes]
JSON = (b"content-type", b"application/json")
SMALL_BYTES = 4 * 1024
"""A larger table is made into rows in a thread: that takes longer than to cut rows out of JSON."""


class SignatureNeeded(Exception):
    """A body cannot be read, or its rows not be made, before one knows the signatures of the
    versions that may answer."""


class PredictionCall(ABC):
    """One request of a route.

    by_position: its values have no names, so that the rows depend on the version's columns."""

    by_position = False

    def release(self) -> None:  # noqa: B027
        """Forget what the rows were made of: they are on their way."""

    @abstractmethod
    def rows(self, signature: TensorSignature | None) -> list[msgspec.Raw]:
        """The rows as raw JSON. signature: of the version that is to answer them."""


@dataclass(slots=True)
class NamedRows(PredictionCall):
    """Rows that name their columns."""

    named: list[msgspec.Raw]

    def rows(self, signature: TensorSignature | None) -> list[msgspec.Raw]:  # noqa: ARG002
        """See PredictionCall."""
        return self.named


@dataclass(frozen=True, slots=True)
class AnsweredCall:
    """A call with its predictions. signature: of the version, None where it was not told."""

    call: PredictionCall
    version: str
    predicted: Predicted
    prediction_id: bytes
    signature: TensorSignature | None


class Codec(ABC):
    """The codec of one route.

    asks_signatures: whether it answers better with the versions' signatures.

    copies: whether the rows are further bytes beside the body.
    inline_bytes: a larger body is read apart from the event loop. inline_rows: so are the answers
    of more rows made."""

    asks_signatures = False
    copies = True
    inline_bytes = SMALL_BYTES
    inline_rows = 256

    def __init__(self, model: str, limits: Limits) -> None:
        self.model, self.limits = model, limits

    @abstractmethod
    def read(
        self, context: RequestContext, body: bytes, known: Sequence[TensorSignature]
    ) -> PredictionCall:
        """Read a body; raises Problem, or SignatureNeeded where none is known and none was asked.

        known: the signatures of the versions that may answer, empty where one is not known."""

    @abstractmethod
    def answer(self, answered: AnsweredCall) -> Encoded:
        """The content headers and the body of an answer; raises Problem."""

    @abstractmethod
    def refusal(self, problem: Problem) -> Encoded:
        """The headers and the body of an error."""

    @abstractmethod
    def bad_rows(
        self,
        call: PredictionCall,
        version: str,
        predicted: Predicted,
        signature: TensorSignature | None,
    ) -> Problem:
        """The error for rows that a version has refused or failed on."""

    async def read_apart(
        self, context: RequestContext, body: bytes, known: Sequence[TensorSignature]
    ) -> PredictionCall:
        """`read` in a thread, with the rows for these signatures."""
        return await DECODE_POOL.run(self._read_with_rows, context, body, known)

    def _read_with_rows(
        self, context: RequestContext, body: bytes, known: Sequence[TensorSignature]
    ) -> PredictionCall:
        call = self.read(context, body, known)
        for signature in known:
            call.rows(signature)

        return call

    def require_small(self, rows: list[msgspec.Raw], body_bytes: int) -> None:  # noqa: ARG002
        """Raise Problem 413 for too many rows, or one that is too large."""
        most = self.limits.max_row_bytes
        if len(rows) == 1 and len(rows[0]) <= most:
            return

        self.require_rows(len(rows))
        sizes = list(map(len, rows))
        largest = max(sizes)
        if largest > most:
            raise Problem(
                413,
                f"row {sizes.index(largest)} has {largest} bytes: at most {most} are allowed",
            )

    def require_rows(self, count: int) -> None:
        """Raise Problem 413 for too many rows."""
        most = self.limits.max_rows
        if count > most:
            raise Problem(413, f"{count} rows in one request: at most {most} are allowed")


def first_bad_row(predicted: Predicted, column_word: str = "column") -> str:
    """The first error in words, and the number of others."""
    errors = predicted.errors
    first, more = errors[0], len(errors) - 1
    text = f"row {first.row}"
    if first.column:
        text += f", {column_word} {first.column!r}"

    text += f": {first.detail}"
    if more:
        text += f" (and {more} more)"

    return text


def status_of_bad_rows(predicted: Predicted, refused: int) -> int:
    """500 where the model failed on a row, else `refused`."""
    if any(error.status >= 500 for error in predicted.errors):
        return 500
    return refused
