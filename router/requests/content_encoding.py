"""Decompresses request bodies (gzip, deflate), within limits of size and of compression ratio.

In threads, since 100 kB may be as much work as a hundred requests. Small bodies do not wait behind
large ones."""

import zlib

from router.problems import Problem
from router.requests.thread_pools import (
    LARGE_BODY,
    LARGE_DECOMPRESSION_POOL,
    SMALL_DECOMPRESSION_POOL,
)

ACCEPTED = "gzip, deflate"
# gzip members may follow each other; even an empty one costs some time.
MOST_MEMBERS = 16
# zlib holds the interpreter lock while it joins its output: in pieces, that is short.
PIECE_BYTES = 64 * 1024
MOST_TIMES = 400
"""The highest compression ratio of a body above LARGE_BODY bytes: ten thousand equal rows have 290,
decompression bombs 1000."""
# A larger body hardly ever decompresses to a small one, and finding out may take long.
SMALL_COMPRESSED_BYTES = 16 * 1024
_GZIP_OR_ZLIB, _RAW = 47, -15


async def decompress(body: bytes, encoding: bytes, limit: int) -> bytes:
    """What `decompressed` returns or raises, or Problem 503 where too many bodies are waiting."""
    if len(body) <= SMALL_COMPRESSED_BYTES:
        small = await SMALL_DECOMPRESSION_POOL.run(_decompressed_if_small, body, encoding, limit)
        if small is not None:
            return small

    return await LARGE_DECOMPRESSION_POOL.run(decompressed, body, encoding, limit)


def _decompressed_if_small(body: bytes, encoding: bytes, limit: int) -> bytes | None:
    try:
        return decompressed(body, encoding, min(limit, LARGE_BODY))
    except Problem as problem:
        if problem.status == 413 and limit > LARGE_BODY:
            return None

        raise


def decompressed(body: bytes, encoding: bytes, limit: int) -> bytes:
    """The decompressed body; raises Problem 400, 413 past `limit` bytes, or 415."""
    coding = encoding.strip().lower()
    if coding in (b"", b"identity"):
        return body

    if coding not in (b"gzip", b"x-gzip", b"deflate"):
        named = coding[:40].decode("latin-1")
        raise Problem(
            415,
            f"Content-Encoding {named!r} is not supported: send the body as gzip or deflate, or "
            "without compression",
            headers=[(b"accept-encoding", ACCEPTED.encode())],
        )

    name = coding.decode()
    try:
        return _decompress(body, limit)
    except zlib.error as error:
        if coding == b"deflate":
            return _raw_deflate(body, limit)

        raise Problem(
            400, f"the body is not {name}, as its Content-Encoding says: {error}"
        ) from error


def _raw_deflate(body: bytes, limit: int) -> bytes:
    """Decompress a raw deflate stream, which some clients send without the frame of HTTP."""
    try:
        return _decompress(body, limit, _RAW)
    except zlib.error as error:
        raise Problem(
            400, f"the body is not deflate, as its Content-Encoding says: {error}"
        ) from error


def _decompress(body: bytes, limit: int, kind: int = _GZIP_OR_ZLIB) -> bytes:
    parts: list[bytes] = []
    most = most_unpacked(len(body), limit)
    start = size = 0
    for _ in range(MOST_MEMBERS):
        decoder = zlib.decompressobj(kind)
        while not decoder.eof:
            compressed = decoder.unconsumed_tail
            if not compressed:
                compressed = body[start : start + PIECE_BYTES]
                start += len(compressed)

            parts.append(decoder.decompress(compressed, PIECE_BYTES))
            size += len(parts[-1])
            if size > most:
                # The exception keeps this frame until it is collected.
                parts.clear()
                raise _too_large(most, limit)

            if not compressed and not parts[-1]:
                raise Problem(400, "the compressed body ends too early: send all of it")

        start -= len(decoder.unused_data)
        if start == len(body):
            return b"".join(parts)

    raise Problem(
        400, f"the compressed body has more than {MOST_MEMBERS} gzip members: compress it in one go"
    )


def most_unpacked(size: int, limit: int) -> int:
    """The most bytes that a body of `size` compressed bytes may have, of at most `limit`."""
    return min(limit, max(LARGE_BODY, MOST_TIMES * size))


def _too_large(most: int, limit: int) -> Problem:
    if most == limit:
        why = f"larger than {limit} bytes: send the rows in several requests"
    else:
        why = (
            f"more than {MOST_TIMES} times as large as when compressed: send it less compressed, "
            "or the rows in several requests"
        )

    return Problem(413, f"decompressed, the body is {why}")
