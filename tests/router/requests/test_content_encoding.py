"""Packed bodies: what any packer makes of any body is decompressed to it, within its bounds, and
nothing else is.
"""

import asyncio
import gzip
import threading
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.problems import Problem
from router.requests import content_encoding
from router.requests.content_encoding import (
    MOST_MEMBERS,
    MOST_TIMES,
    PIECE_BYTES,
    decompress,
    decompressed,
)
from router.requests.thread_pools import LARGE_BODY, BoundedPool

LIMIT = 4 * PIECE_BYTES
BODIES = st.one_of(
    st.binary(max_size=300),
    st.builds(
        lambda seed, size: seed * (size // max(1, len(seed))),
        st.binary(min_size=1),
        st.integers(0, LARGE_BODY // 4),
    ),
)


def incompressible(size: int) -> bytes:
    """Bytes that no packer makes shorter."""
    state, made = 1, bytearray()
    while len(made) < size:
        state = state * 6364136223846793005 + 1442695040888963407 & (1 << 64) - 1
        made += (state >> 32).to_bytes(4, "big")
    return bytes(made[:size])


def rather_compressible(size: int) -> bytes:
    """Bytes that pack to about a tenth."""
    return b"".join(b"%b%80d" % (incompressible(4), at) for at in range(size // 84 + 1))[:size]


def raw(body: bytes) -> bytes:
    """deflate without its frame."""
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(body) + packer.flush()


@given(BODIES)
def test_whatever_was_packed_comes_back(body):
    assert decompressed(gzip.compress(body), b"gzip", LIMIT) == body
    assert decompressed(zlib.compress(body), b"Deflate ", LIMIT) == body
    assert decompressed(raw(body), b"deflate", LIMIT) == body


@given(st.lists(BODIES, min_size=1, max_size=4))
def test_gzip_files_in_a_row_are_one_body(bodies):
    assert decompressed(b"".join(map(gzip.compress, bodies)), b"x-gzip", 4 * LIMIT) == b"".join(
        bodies
    )


@pytest.mark.parametrize("size", [LIMIT - 1, LIMIT, LIMIT + 1, 3 * LIMIT])
@pytest.mark.parametrize("made", [incompressible, rather_compressible])
def test_the_bound_is_of_the_unpacked_body(made, size):
    packed = gzip.compress(made(size))
    if size <= LIMIT:
        assert decompressed(packed, b"gzip", LIMIT) == made(size)
    else:
        with pytest.raises(Problem, match="larger than") as refused:
            decompressed(packed, b"gzip", LIMIT)
        assert refused.value.status == 413


@given(BODIES, st.data())
def test_what_is_cut_off_anywhere_is_refused(body, data):
    packed = gzip.compress(body)
    with pytest.raises(Problem) as refused:
        decompressed(packed[: data.draw(st.integers(0, len(packed) - 1))], b"gzip", LIMIT)
    assert refused.value.status == 400


def test_what_is_not_packed_or_too_often_is_refused_with_the_reason():
    with pytest.raises(Problem, match="not gzip"):
        decompressed(b"{}", b"gzip", LIMIT)

    with pytest.raises(Problem, match="not deflate"):
        decompressed(b"\xff\xff", b"deflate", LIMIT)

    with pytest.raises(Problem, match="members"):
        decompressed(gzip.compress(b"") * (MOST_MEMBERS + 1), b"gzip", LIMIT)

    with pytest.raises(Problem, match="gzip or deflate, or without"):
        decompressed(b"{}", b"br", LIMIT)


def test_a_small_packed_body_may_not_unpack_to_a_large_one():
    """Up to LARGE_BODY bytes it may be of whatever packs best."""
    assert decompressed(gzip.compress(bytes(LARGE_BODY)), b"gzip", LIMIT) == bytes(LARGE_BODY)
    with pytest.raises(Problem, match=f"more than {MOST_TIMES} times") as refused:
        decompressed(gzip.compress(bytes(LIMIT)), b"gzip", LIMIT)
    assert refused.value.status == 413
    equal_rows = b'{"instances":[' + b'{"x":1.5,"name":"JFK","far":760},' * 7_000 + b"{}]}"
    assert decompressed(gzip.compress(equal_rows), b"gzip", LIMIT) == equal_rows


def test_small_bodies_are_unpacked_while_large_ones_fill_their_threads(monkeypatch):
    go_on, begun = threading.Event(), threading.Semaphore(0)
    large, small = gzip.compress(incompressible(LIMIT)), gzip.compress(b"{}")

    def held(body, encoding, limit, real=decompressed):
        if limit > LARGE_BODY:
            begun.release()
            assert go_on.wait(10)
        return real(body, encoding, limit)

    async def play():
        monkeypatch.setattr(content_encoding, "decompressed", held)
        monkeypatch.setattr(content_encoding, "LARGE_DECOMPRESSION_POOL", BoundedPool("large", 3))
        waiting = [asyncio.create_task(decompress(large, b"gzip", LIMIT)) for _ in range(3)]
        await asyncio.sleep(0)
        assert await decompress(small, b"gzip", LIMIT) == b"{}"
        with pytest.raises(Problem) as refused:
            await decompress(large, b"gzip", LIMIT)
        assert (refused.value.status, refused.value.retry_after_s) == (503, 1)
        assert not any(task.done() for task in waiting)
        go_on.set()
        assert await asyncio.gather(*waiting) == [incompressible(LIMIT)] * 3
        assert await decompress(large, b"gzip", LIMIT) == incompressible(LIMIT)

    asyncio.run(play())


def test_a_small_body_that_unpacks_to_a_large_one_is_unpacked_too():
    body = rather_compressible(LARGE_BODY + 1)
    assert len(gzip.compress(body)) < content_encoding.SMALL_COMPRESSED_BYTES
    assert asyncio.run(decompress(gzip.compress(body), b"gzip", LIMIT)) == body
    with pytest.raises(Problem, match="larger than"):
        asyncio.run(decompress(gzip.compress(body), b"gzip", LARGE_BODY))
