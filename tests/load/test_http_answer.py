"""Answers are whole when their bytes say so, however these come."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from load.engine.http_answer import UNTIL_CLOSED, BadAnswer, head_of, is_whole

PLAIN = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-Model-Version: v1.A\r\n\r\nhello"
CHUNKS = b"HTTP/1.1 503 x\r\nRetry-After: 1\r\nTransfer-Encoding: chunked\r\n\r\n"
CHUNKED = CHUNKS + b"7\r\n0\r\n\r\n0\r\r\n3;x=y\r\nabc\r\n0\r\n\r\n"
EMPTY = b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n"


@pytest.mark.parametrize("answer", [PLAIN, CHUNKED, EMPTY])
def test_no_part_of_an_answer_is_whole_and_all_of_it_is(answer):
    for length in range(len(answer)):
        head = head_of(answer[:length])
        assert head is None or not is_whole(answer[:length], head)

    head = head_of(answer)
    assert head is not None
    assert is_whole(answer, head)


def test_what_a_head_says():
    head = head_of(PLAIN)
    assert (head.status, head.version, head.retry, head.closes) == (200, b"v1.A", False, False)
    head = head_of(CHUNKED)
    assert (head.status, head.version, head.retry) == (503, b"", True)
    assert head_of(EMPTY).closes
    assert head_of(b"HTTP/1.1 200 OK\r\n\r\n").length == UNTIL_CLOSED


@pytest.mark.parametrize(
    "answer",
    [
        b"SSH-2.0-OpenSSH\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n0\r\n\r\n",
    ],
)
def test_what_is_no_answer_is_refused(answer):
    with pytest.raises(BadAnswer):
        is_whole(answer, head_of(answer))


@given(st.binary(max_size=200))
def test_no_bytes_raise_anything_else(data):
    answer = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + data
    try:
        head = head_of(answer)
        assert head is not None
        is_whole(answer + b"0\r\n\r\n", head)
    except BadAnswer:
        pass
