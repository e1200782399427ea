"""Clients of public reports against a running stack: served where the standard says so, else told
the cause.
"""

import gzip
import json
import socket
import zlib
from dataclasses import dataclass
from urllib.parse import urlsplit

import pytest

ROW = '{"a":1.0,"b":0.0,"c":0.0}'
BODY = f'{{"instances":[{ROW}]}}'.encode()
GIVE_UP_S = 60


@dataclass
class Answer:
    """One answer, as it came."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self):
        """The body."""
        return json.loads(self.body)


def exchange(stack, raw: bytes, half_close: bool = False) -> Answer:
    """Send bytes and read one answer to its end (the request asks for the connection to be
    closed).
    """
    parts = urlsplit(stack.url)
    with socket.create_connection((parts.hostname, parts.port), timeout=GIVE_UP_S) as client:
        client.sendall(raw)
        if half_close:
            client.shutdown(socket.SHUT_WR)
        got = b""
        while chunk := client.recv(65536):
            got += chunk

    while got.startswith(b"HTTP/1.1 100"):
        got = got.partition(b"\r\n\r\n")[2]

    head, _, body = got.partition(b"\r\n\r\n")
    lines = head.decode("latin-1").split("\r\n")
    pairs = (line.split(": ", 1) for line in lines[1:] if ": " in line)
    headers = {name.lower(): value for name, value in pairs}
    if headers.get("transfer-encoding") == "chunked":
        body = _unchunked(body)

    return Answer(int(lines[0].split()[1]), headers, body)


def _unchunked(body: bytes) -> bytes:
    whole = b""
    while body:
        size, _, body = body.partition(b"\r\n")
        whole, body = whole + body[: int(size, 16)], body[int(size, 16) + 2 :]
    return whole


def request(
    method: str = "POST",
    target: str = "/predict",
    body: bytes = BODY,
    headers: str = "",
    host: str = "127.0.0.1",
):
    """The bytes of one request."""
    hosts = f"Host: {host}\r\n" if host else ""
    length = "" if "transfer-encoding" in headers.lower() else f"Content-Length: {len(body)}\r\n"
    return (
        f"{method} {target} HTTP/1.1\r\n{hosts}Connection: close\r\n{length}{headers}\r\n".encode(
            "latin-1"
        )
        + body
    )


def chunks(body: bytes) -> bytes:
    """In two pieces."""
    parts = (body[:7], body[7:], b"")
    return b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts)


SERVED = {
    "plain": request(),
    "gzip": request(body=gzip.compress(BODY), headers="Content-Encoding: gzip\r\n"),
    "deflate": request(body=zlib.compress(BODY), headers="Content-Encoding: deflate\r\n"),
    "chunked": request(body=chunks(BODY), headers="Transfer-Encoding: chunked\r\n"),
    "chunked gzip": request(
        body=chunks(gzip.compress(BODY)),
        headers="Transfer-Encoding: chunked\r\nContent-Encoding: gzip\r\n",
    ),
    "expect": request(headers="Expect: 100-continue\r\n"),
    "HTTP/1.0": request().replace(b"HTTP/1.1", b"HTTP/1.0"),
    "query": request(target="/predict?x=1"),
    "absolute form": request(target="http://127.0.0.1/predict"),
    "minus zero": request(body=BODY.replace(b"0.0", b"-0.0")),
    "whole number for a float": request(body=BODY.replace(b"1.0", b"1")),
    "a version without a name": request(headers="X-Model-Version:\r\n"),
    "odd request id": request(headers='X-Request-Id: a"b<c>\xfc\r\n'),
    "a deadline of 400 digits": request(headers=f"X-Timeout-Ms: {'9' * 400}\r\n"),
    "form content type": request(headers="Content-Type: application/x-www-form-urlencoded\r\n"),
}


@pytest.mark.parametrize("name", SERVED)
def test_what_the_standards_allow_is_served(stack, name):
    answer = exchange(stack, SERVED[name])
    assert (answer.status, answer.json["predictions"]) in ((200, [1]), (200, [0])), answer
    pinned = exchange(
        stack,
        SERVED[name].replace(b"Connection: close\r\n", b"Connection: close\r\nX-Unit-Id: u\r\n"),
    )
    plain = exchange(stack, request(headers="X-Unit-Id: u\r\n"))
    assert pinned.json == plain.json


def test_half_closed_clients_are_answered(stack):
    assert (
        exchange(stack, request().replace(b"Connection: close\r\n", b""), half_close=True).status
        == 200
    )


def rows(text: str) -> bytes:
    """A request whose body is this text."""
    return request(body=text.encode())


REFUSED = {
    "NaN": (rows(BODY.decode().replace("1.0", "NaN")), (400, 422), "null"),
    "Infinity": (rows(BODY.decode().replace("1.0", "Infinity")), (400, 422), "null"),
    "-Infinity": (rows(BODY.decode().replace("1.0", "-Infinity")), (400, 422), "null"),
    "1e400": (rows(BODY.decode().replace("1.0", "1e400")), (400, 422), ""),
    "null where there was none": (rows(BODY.decode().replace("1.0", "null")), (422,), "'a'"),
    "text for a number": (rows(BODY.decode().replace("1.0", '"1.0"')), (422,), "'a'"),
    "true for a number": (rows(BODY.decode().replace("1.0", "true")), (422,), "'a'"),
    "one object": (rows(f'{{"instances":{ROW}}}'), (400,), "instances"),
    "a bare object": (rows(ROW), (400,), "instances"),
    "a bare list": (rows(f"[{ROW}]"), (400,), "instances"),
    "lists for rows": (rows('{"instances":[[1.0,0.0,0.0]]}'), (400, 422), ""),
    "dataframe_split": (
        rows('{"dataframe_split":{"columns":["a"],"data":[[1]]}}'),
        (400,),
        "instances",
    ),
    "no rows": (rows('{"instances":[]}'), (400,), "instances"),
    "no body": (request(body=b""), (400,), "instances"),
    "a column more": (rows(BODY.decode().replace("}]", ',"d":1}]')), (422,), "'d'"),
    "a column less": (rows(BODY.decode().replace(',"c":0.0', "")), (422,), "'c'"),
    "UTF-16": (request(body=BODY.decode().encode("utf-16")), (400,), "UTF-8"),
    "an encoding nobody knows": (request(headers="Content-Encoding: br\r\n"), (415,), "gzip"),
    "not gzip": (request(headers="Content-Encoding: gzip\r\n"), (400,), "gzip"),
    "slash at the end": (request(target="/predict/"), (404,), ""),
    "two slashes": (request(target="//predict"), (404,), ""),
    "GET": (request("GET", body=b""), (405,), "POST"),
    "PUT /feedback": (request("PUT", "/feedback", b"x"), (405,), "POST"),
    "GET /feedback": (request("GET", "/feedback", b""), (405,), "POST"),
    "DELETE /metrics": (request("DELETE", "/metrics", b""), (405,), ""),
    "POST /": (request("POST", "/", b"x"), (405,), ""),
    "words for a deadline": (request(headers="X-Timeout-Ms: soon\r\n"), (400,), "X-Timeout-Ms"),
    "a deadline before now": (request(headers="X-Timeout-Ms: -5\r\n"), (400,), "X-Timeout-Ms"),
    "no Host": (request(host=""), (400,), ""),
}


@pytest.mark.parametrize("name", REFUSED)
def test_the_rest_is_refused_as_problem_json_with_the_cause(stack, name):
    raw, statuses, message = REFUSED[name]
    answer = exchange(stack, raw)
    assert answer.status in statuses, answer
    assert answer.headers["content-type"] == "application/problem+json", answer
    problem = answer.json
    assert problem["status"] == answer.status
    assert message in problem["detail"], problem
    if answer.status == 405:
        assert answer.headers["allow"], answer


@pytest.mark.parametrize(
    ("target", "status"),
    [("/", 200), ("/metrics", 200), ("/v2/health/ready", 200), ("/v2/models/cases/ready", 200)],
)
def test_head_is_answered_wherever_get_is_and_without_a_body(stack, target, status):
    answer = exchange(stack, request("HEAD", target, b""))
    assert (answer.status, answer.body) == (status, b"")


def test_a_byte_order_mark_is_skipped_or_named(stack):
    answer = exchange(stack, request(body=b"\xef\xbb\xbf" + BODY))
    assert answer.status == 200 or "byte order mark" in answer.json["detail"]


def test_gzip_is_bounded_by_what_it_unpacks_to(stack):
    answer = exchange(
        stack, request(body=gzip.compress(b" " * 200_000_000), headers="Content-Encoding: gzip\r\n")
    )
    assert answer.status == 413


def test_ten_thousand_rows_without_a_column_get_one_short_answer(stack):
    answer = exchange(stack, rows('{"instances":[' + ",".join(["{}"] * 10_000) + "]}"))
    assert answer.status == 422
    assert len(answer.json["errors"]) < 1_000
    assert len(answer.body) < 300_000


def test_a_class_or_a_key_order_is_nothing_to_feedback(stack):
    for keys in (
        '{{"label":{label},"prediction_id":"{id}"}}',
        '{{"prediction_id":"{id}","label":{label}}}',
    ):
        predicted = exchange(stack, request())
        sent = keys.format(
            label=predicted.json["predictions"][0], id=predicted.headers["x-prediction-id"]
        )
        answer = exchange(stack, request(target="/feedback", body=sent.encode()))
        assert answer.json["counted"] == 1, answer
