"""Request bodies that were sent packed: gzip and deflate are unpacked, within the bound of any
body.
"""

import zlib
from concurrent.futures import ThreadPoolExecutor

from router.problems import Problem

ACCEPTED = "gzip, deflate"
# gzip files may follow each other; each costs a little even where it is empty.
MOST_MEMBERS = 16
# zlib puts its whole output together while nothing else runs: a piece at a time, that is short.
PIECE_BYTES = 64 * 1024
UNPACKING = ThreadPoolExecutor(2, thread_name_prefix="unpack")
"""Where bodies are unpacked: 100 kB may be as much work as a hundred requests, and zlib works
beside the event loop.
"""
_GZIP_OR_ZLIB, _RAW = 47, -15


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
            if size > limit:
                # The exception keeps this frame until it is collected.
                parts.clear()
                raise Problem(
                    413,
                    f"unpacked, the body is larger than {limit} bytes: send the rows in several "
                    f"requests",
                )
            if not packed and not parts[-1]:
                raise Problem(400, "the packed body ends too early: send all of it")
        start -= len(decoder.unused_data)
        if start == len(body):
            return b"".join(parts)

    raise Problem(400, f"the packed body has more than {MOST_MEMBERS} members: pack it in one go")
