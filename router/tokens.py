"""Prediction ids: compact signed tokens that carry what feedback needs, so that no store of predictions is kept.

An id is base64url(MessagePack of the fields of Prediction) followed by a 12-byte keyed BLAKE2b of it. `scores` is one
number a row: the last class's probability, or the predicted value.
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from hashlib import blake2b
from hmac import compare_digest

import msgspec

SIGNATURE_BYTES = 12
LONGEST = 4096


class Prediction(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """What an id says. scores and classes have one entry a row, or none where the request had too many rows.

    weight: of the rollout's candidate when the request was routed, in basis points (0 without a rollout); rollout: the
    revision that rollout began with, 0 for none; unit: CRC-32 of who asked; bets: whether the first row counts in the
    verdict.
    """

    version: str
    weight: int
    at_ms: int
    serial: int
    scores: list[float]
    classes: list[str]
    rollout: int = 0
    unit: int = 0
    bets: bool = False


class BadToken(Exception):
    """The id was not made here, or was changed."""


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Prediction)


def sign(prediction: Prediction, key: bytes) -> bytes:
    """The id of a prediction."""
    payload = _encoder.encode(prediction)
    return urlsafe_b64encode(payload + _signature(payload, key)).rstrip(b"=")


def label_id(token: str, row: int, rows: int) -> str:
    """What the label of one row is counted by."""
    return f"{token}.{row}" if rows > 1 else token


def read(token: str, key: bytes) -> Prediction:
    """The prediction of an id; raises BadToken unless this key signed it."""
    if len(token) > LONGEST:
        raise BadToken("the id is too long to be one of ours")
    try:
        raw = urlsafe_b64decode(token.encode("ascii") + b"=" * (-len(token) % 4))
    except (ValueError, UnicodeEncodeError) as error:
        raise BadToken("the id is not base64url") from error
    payload, signature = raw[:-SIGNATURE_BYTES], raw[-SIGNATURE_BYTES:]
    if not compare_digest(signature, _signature(payload, key)):
        raise BadToken("the id was not signed here")
    return _decoder.decode(payload)


def _signature(payload: bytes, key: bytes) -> bytes:
    return blake2b(payload, digest_size=SIGNATURE_BYTES, key=key[:64]).digest()
