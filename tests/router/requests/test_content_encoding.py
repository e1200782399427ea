"""Packed bodies: what any packer makes of any body is unpacked to it, within its bounds, and
nothing else is.
"""

import gzip
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.problems import Problem
from router.requests.content_encoding import MOST_MEMBERS, PIECE_BYTES, unpacked

LIMIT = 4 * PIECE_BYTES
BODIES = st.one_of(
    st.binary(max_size=300),
    st.builds(
        lambda seed, size: seed * (size // max(1, len(seed))),
        st.binary(min_size=1),
        st.integers(0, LIMIT),
    ),
)


def incompressible(size: int) -> bytes:
    """Bytes that no packer makes shorter."""
    state, made = 1, bytearray()
    while len(made) < size:
        state = state * 6364136223846793005 + 1442695040888963407 & (1 << 64) - 1
        made += (state >> 32).to_bytes(4, "big")
    return bytes(made[:size])


def raw(body: bytes) -> bytes:
    """deflate without its frame."""
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(body) + packer.flush()


@given(BODIES)
def test_whatever_was_packed_comes_back(body):
    assert unpacked(gzip.compress(body), b"gzip", LIMIT) == body
    assert unpacked(zlib.compress(body), b"Deflate ", LIMIT) == body
    assert unpacked(raw(body), b"deflate", LIMIT) == body


@given(st.lists(BODIES, min_size=1, max_size=4))
def test_gzip_files_in_a_row_are_one_body(bodies):
    assert unpacked(b"".join(map(gzip.compress, bodies)), b"x-gzip", 4 * LIMIT) == b"".join(bodies)


@pytest.mark.parametrize("size", [LIMIT - 1, LIMIT, LIMIT + 1, 3 * LIMIT])
@pytest.mark.parametrize("made", [incompressible, bytes])
def test_the_bound_is_of_the_unpacked_body(made, size):
    packed = gzip.compress(made(size))
    if size <= LIMIT:
        assert unpacked(packed, b"gzip", LIMIT) == made(size)
    else:
        with pytest.raises(Problem, match="larger than") as refused:
            unpacked(packed, b"gzip", LIMIT)
        assert refused.value.status == 413


@given(BODIES, st.data())
def test_what_is_cut_off_anywhere_is_refused(body, data):
    packed = gzip.compress(body)
    with pytest.raises(Problem) as refused:
        unpacked(packed[: data.draw(st.integers(0, len(packed) - 1))], b"gzip", LIMIT)
    assert refused.value.status == 400


def test_what_is_not_packed_or_too_often_is_refused_with_the_reason():
    with pytest.raises(Problem, match="not gzip"):
        unpacked(b"{}", b"gzip", LIMIT)

    with pytest.raises(Problem, match="not deflate"):
        unpacked(b"\xff\xff", b"deflate", LIMIT)

    with pytest.raises(Problem, match="members"):
        unpacked(gzip.compress(b"") * (MOST_MEMBERS + 1), b"gzip", LIMIT)

    with pytest.raises(Problem, match="as it is"):
        unpacked(b"{}", b"br", LIMIT)
