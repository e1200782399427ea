"""Prediction ids: signed tokens with what feedback needs, so that predictions are not stored.

An id is base64url of the MessagePack of SignedPrediction's fields and their 12-byte keyed BLAKE2b.
A prediction has exactly one id, written in one way, so labels are counted by its signature."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from hashlib import blake2b
from hmac import compare_digest
from typing import NamedTuple

import msgspec

SIGNATURE_BYTES = 12
LONGEST = 4096


class SignedPrediction(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """The fields of an id.

    scores, classes: one entry per row, or the first row's alone where all would be too long. A
    score is the last class's probability, or the predicted value.
    weight: of the candidate when the request was routed, in basis points; 0 without a rollout.
    rollout: the revision with which the rollout began; 0 without one.
    unit: CRC-32 of the unit. bets: whether the first row counts in the verdict.
    rows: of the request; 0 in ids of older versions.
    paired: whether the other version of the rollout was asked the same, so that the label counts by
    both answers and not by the draw."""

    version: str
    weight: int
    at_ms: int
    serial: int
    scores: list[float]
    classes: list[str]
    rollout: int = 0
    unit: int = 0
    bets: bool = False
    rows: int = 0
    paired: bool = False


class Opened(NamedTuple):
    """A prediction and the signature of its id, as text."""

    prediction: SignedPrediction
    signature: str


class BadToken(Exception):
    """The id was not signed here, or was changed."""


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(SignedPrediction)


def sign(prediction: SignedPrediction, key: bytes) -> bytes:
    """The id of a prediction."""
    payload = _encoder.encode(prediction)
    return _encoded(payload + _signature(payload, key))


def label_id(signature: str, row: int, rows: int) -> str:
    """The key of one row's label."""
    if rows > 1:
        return f"{signature}.{row}"
    return signature


def signature_of(token: bytes) -> str:
    """The signature, as text, of an id that was signed here."""
    return _decoded(token)[-SIGNATURE_BYTES:].hex()


def read(token: str, key: bytes) -> SignedPrediction:
    """The prediction of an id; raises BadToken unless this key signed it and it is unchanged."""
    return opened(token, key).prediction


def opened(token: str, key: bytes) -> Opened:
    """The prediction and the signature of an id; raises BadToken as `read` does."""
    if len(token) > LONGEST:
        raise BadToken("the id is too long to be one of ours")

    try:
        written = token.encode("ascii")
        raw = _decoded(written)
    except (ValueError, UnicodeEncodeError) as error:
        raise BadToken("the id is not base64url") from error

    payload, signature = raw[:-SIGNATURE_BYTES], raw[-SIGNATURE_BYTES:]
    if not compare_digest(signature, _signature(payload, key)):
        raise BadToken("the id was not signed here")

    # The decoder skips unknown characters, so that one id could be written in many ways.
    if _encoded(raw) != written:
        raise BadToken("the id was changed: send it as it was given")

    return Opened(_decoder.decode(payload), signature.hex())


def _encoded(raw: bytes) -> bytes:
    return urlsafe_b64encode(raw).rstrip(b"=")


def _decoded(token: bytes) -> bytes:
    return urlsafe_b64decode(token + b"=" * (-len(token) % 4))


def _signature(payload: bytes, key: bytes) -> bytes:
    return blake2b(payload, digest_size=SIGNATURE_BYTES, key=key[:64]).digest()
