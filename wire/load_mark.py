"""The signed mark of a load test's requests: the router leaves what bears it out of all evidence.

A mark is `RUN.EXPIRES.SIGNATURE`: the run's name, epoch seconds, and an HMAC-SHA256 of both. It
lasts for two minutes, and a run makes itself new ones."""

import hashlib
import hmac

HEADER = "X-Load-Test"
LASTS_S = 120
RENEWED_S = 30
"""How often a run makes itself a new mark."""
SIGNATURE_DIGITS = 32
LONGEST = 128


class BadMark(Exception):
    """The mark was not signed here, was changed, or has expired; the message says which."""


def mark_key(secret: bytes, model: str, purpose: str = "mark") -> bytes:
    """The key of one model's marks, or of another purpose, made of the workspace's secret."""
    text = f"sluice load test {purpose}\0{model}"
    return hmac.new(secret, text.encode(), hashlib.sha256).digest()


def make_mark(key: bytes, run: str, now: float) -> str:
    """A mark for a run's requests of the next two minutes. run: letters and digits; now: epoch
    seconds.
    """
    signed = f"{run}.{int(now) + LASTS_S}"
    return f"{signed}.{_signature(key, signed)}"


def check_mark(key: bytes, mark: str, now: float) -> int:
    """When a mark expires (epoch seconds); raises BadMark."""
    signed, _, signature = mark.rpartition(".")
    run, _, expires = signed.rpartition(".")
    if len(mark) > LONGEST or not mark.isascii() or not (run.isalnum() and expires.isdigit()):
        raise BadMark("it is no mark of a load test")

    if not hmac.compare_digest(signature, _signature(key, signed)):
        raise BadMark("it was not signed by this stack for this model")

    if now >= int(expires):
        raise BadMark(f"it expired {now - int(expires):.0f} s ago by this machine's clock")
    if int(expires) - now > 2 * LASTS_S:
        raise BadMark("it comes from the future: compare the clocks of both machines")

    return int(expires)


def _signature(key: bytes, signed: str) -> str:
    digest = hmac.new(key, signed.encode(), hashlib.sha256).hexdigest()
    return digest[:SIGNATURE_DIGITS]
