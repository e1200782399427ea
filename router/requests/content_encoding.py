"""Request bodies that were sent packed: gzip and deflate are unpacked, within the bound of any
body, and of how far a packed one may unpack.

Beside the event loop: 100 kB may be as much work as a hundred requests. Small ones do not wait
behind large ones."""

import zlib

from router.problems import Problem
from router.requests.beside import LARGE_BODY, LARGE_PACKED, SMALL_PACKED

ACCEPTED = "gzip, deflate"
# gzip files may follow each other; each costs a little even where it is empty.
MOST_MEMBERS = 16
# zlib puts its whole output together while nothing else runs: a piece at a time, that is short.
PIECE_BYTES = 64 * 1024
MOST_TIMES = 400
"""A body of more than LARGE_BODY is at most so many times as large as it was packed: ten thousand
equal rows pack to a 290th, bombs to a thousandth."""
# A larger one is hardly ever a small one packed, and might take long to turn out as one.
SMALL_PACKED_BYTES = 16 * 1024
_GZIP_OR_ZLIB, _RAW = 47, -15


async def unpack(body: bytes, encoding: bytes, limit: int) -> bytes:
    """What `unpacked` returns or raises; Problem 503 where too many large bodies wait for that."""
    if len(body) <= SMALL_PACKED_BYTES:
        small = await SMALL_PACKED.run(_unpacked_if_small, body, encoding, limit)
        if small is not None:
            return small

    return await LARGE_PACKED.run(unpacked, body, encoding, limit)


def _unpacked_if_small(body: bytes, encoding: bytes, limit: int) -> bytes | None:
    try:
        return unpacked(body, encoding, min(limit, LARGE_BODY))
    except Problem as problem:
        if problem.status == 413 and limit > LARGE_BODY:
            return None
        raise


def unpacked(body: bytes, encoding: bytes, limit: int) -> bytes:
    """The body as it was before its Content-Encoding; raises Problem 400, 413 past `limit` bytes,
    or 415.
    """
    coding = encoding.strip().lower()
    if coding in (b"", b"identity"):
        return body

    if coding not in (b"gzip", b"x-gzip", b"deflate"):
        named = coding[:40].decode("latin-1")
        raise Problem(
            415,
            f"a body of Content-Encoding {named!r} is not read here: send it as gzip or deflate, "
            f"or as it is",
            headers=[(b"accept-encoding", ACCEPTED.encode())],
        )

    name = coding.decode()
    try:
        return _unpack(body, limit)
    except zlib.error as error:
        if coding == b"deflate":
            return _raw_deflate(body, limit)
        raise Problem(
            400, f"the body is not {name}, as its Content-Encoding says: {error}"
        ) from error


def _raw_deflate(body: bytes, limit: int) -> bytes:
    """Some clients take deflate for what it says, without the frame that HTTP asks for."""
    try:
        return _unpack(body, limit, _RAW)
    except zlib.error as error:
        raise Problem(
            400, f"the body is not deflate, as its Content-Encoding says: {error}"
        ) from error


def _unpack(body: bytes, limit: int, kind: int = _GZIP_OR_ZLIB) -> bytes:
    parts: list[bytes] = []
    most = min(limit, max(LARGE_BODY, MOST_TIMES * len(body)))
    start = size = 0
    for _ in range(MOST_MEMBERS):
        decoder = zlib.decompressobj(kind)
        while not decoder.eof:
            packed = decoder.unconsumed_tail
            if not packed:
                packed = body[start : start + PIECE_BYTES]
                start += len(packed)
            parts.append(decoder.decompress(packed, PIECE_BYTES))
            size += len(parts[-1])
            if size > most:
                # The exception keeps this frame until it is collected.
                parts.clear()
                raise _too_large(most, limit)
            if not packed and not parts[-1]:
                raise Problem(400, "the packed body ends too early: send all of it")
        start -= len(decoder.unused_data)
        if start == len(body):
            return b"".join(parts)

    raise Problem(400, f"the packed body has more than {MOST_MEMBERS} members: pack it in one go")


def _too_large(most: int, limit: int) -> Problem:
    if most == limit:
        why = f"larger than {limit} bytes: send the rows in several requests"
    else:
        why = (
            f"more than {MOST_TIMES} times as large as it is packed: send it less packed, or the "
            f"rows in several requests"
        )
    return Problem(413, f"unpacked, the body is {why}")
