"""Answers are whole when their bytes say so, however these come."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from load.engine.http_answer import (
    LONGEST_BODY,
    LONGEST_HEAD,
    UNTIL_CLOSED,
    AnswerReader,
    BadAnswer,
    head_of,
)

PLAIN = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-Model-Version: v1.A\r\n\r\nhello"
CHUNKS = b"HTTP/1.1 503 x\r\nRetry-After: 1\r\nTransfer-Encoding: chunked\r\n\r\n"
CHUNKED = CHUNKS + b"7\r\n0\r\n\r\n0\r\r\n3;x=y\r\nabc\r\n0\r\n\r\n"
TRAILED = CHUNKED[:-2] + b"Server-Timing: x\r\n\r\n"
MEGABYTE = bytes(1024 * 1024)
EMPTY = b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n"


def is_whole(answer, *pieces):
    """Whether the pieces of an answer end it, cut at these places."""
    reader, places = AnswerReader(), [0, *pieces, len(answer)]
    ends = [reader.is_whole_with(answer[a:b]) for a, b in pairwise(places)]
    assert not any(ends[:-1])
    return ends[-1]


@pytest.mark.parametrize("answer", [PLAIN, CHUNKED, TRAILED, EMPTY])
def test_no_part_of_an_answer_is_whole_and_all_of_it_is(answer):
    for length in range(len(answer)):
        assert not is_whole(answer[:length])
        assert is_whole(answer, length)

    assert is_whole(answer, *range(1, len(answer)))


def test_what_a_head_says():
    head = head_of(PLAIN)
    assert (head.status, head.version, head.retry, head.closes) == (200, b"v1.A", False, False)
    head = head_of(CHUNKED)
    assert (head.status, head.version, head.retry) == (503, b"", True)
    assert head_of(EMPTY).closes
    assert head_of(b"HTTP/1.1 200 OK\r\n\r\n").length == UNTIL_CLOSED


BEGIN = b"HTTP/1.1 200 OK\r\n"
IN_CHUNKS = BEGIN + b"Transfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize(
    "answer",
    [
        b"SSH-2.0-OpenSSH\r\n\r\n",
        b"GARBAGE! 200 OK\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 2_0 OK\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1  -1 OK\r\nContent-Length: 0\r\n\r\n",
        BEGIN + b"Content-Length: -1\r\n\r\n",
        BEGIN + b"Content-Length: 1_0\r\n\r\n",
        BEGIN + b"Content-Length: %b\r\n\r\n" % (b"9" * 5_000),
        BEGIN + b"Content-Length: %d\r\n\r\n" % (LONGEST_BODY + 1),
        BEGIN + b"Content-Length: 1\r\n\r\nab",
        BEGIN + b"X: y\r\n" * (LONGEST_HEAD // 6 + 1),
        BEGIN + b"X: %b\r\n\r\n" % (b"y" * LONGEST_HEAD),
        *(
            IN_CHUNKS + size + b"\r\nabc\r\n0\r\n\r\n"
            for size in (b"xyz", b"-6", b"+3", b"0x3", b"")
        ),
        IN_CHUNKS + b"f" * 5_000,
        IN_CHUNKS + b"0\r\n\r\nHTTP/1.1 200 OK",
    ],
)
def test_what_is_no_answer_is_refused(answer):
    with pytest.raises(BadAnswer):
        is_whole(answer)


def test_an_answer_without_end_is_refused_and_nothing_of_it_is_kept():
    for head in (IN_CHUNKS + b"ffffffffff\r\n", BEGIN + b"\r\n"):
        reader = AnswerReader()
        assert not reader.is_whole_with(head)
        for _ in range(LONGEST_BODY // len(MEGABYTE) - 1):
            assert not reader.is_whole_with(MEGABYTE)

        with pytest.raises(BadAnswer):
            reader.is_whole_with(2 * MEGABYTE)


@pytest.mark.parametrize("version", [b"v" * 65, b"v1\nv2", b"\x1b[2Jv1", b"[/v1]", b"\xe9"])
def test_what_is_no_name_of_a_version_is_none(version):
    head = head_of(BEGIN + b"X-Model-Version: %b\r\n\r\n" % version)
    assert head.version == b""


@given(st.binary(max_size=200))
def test_no_bytes_raise_anything_else(data):
    for answer in (data, IN_CHUNKS + data):
        reader = AnswerReader()
        try:
            reader.is_whole_with(answer)
            reader.is_whole_with(b"0\r\n\r\n")
        except BadAnswer:
            pass
