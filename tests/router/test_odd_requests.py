"""Requests that clients should not send: answered with the cause, counted once, and believed in
nothing.
"""

import gzip
import socket
from urllib.parse import urlsplit

import httpx
import pytest

from router.access.origin import without_port
from tests.router.router_harness import tensor
from tests.until import until

INDEX = "/v2/repository/index"
INFER = "/v2/models/toy/infer"


def exchange(url, raw, leave=False):
    """The bytes that come back; leave: after closing this side of the connection."""
    parts = urlsplit(url)
    with socket.create_connection((parts.hostname, parts.port), timeout=120) as client:
        client.sendall(raw)
        if leave:
            client.shutdown(socket.SHUT_WR)
        got = b""
        while chunk := client.recv(65536):
            got += chunk

    return got


def refused(pair):
    """How many answers were refused so far, by status, all workers together."""
    lines = httpx.get(f"{pair.url}/metrics", timeout=120).text.splitlines()
    found = (line for line in lines if line.startswith("sluice_refusals_total{"))
    return {line.partition('code="')[2][:3]: float(line.rpartition(" ")[2]) for line in found}


def test_a_client_that_leaves_in_the_middle_of_its_body_was_failed_by_nobody(pair):
    before = refused(pair).get("500", 0)
    for head in ("POST /predict", "POST /feedback", f"POST {INFER}"):
        exchange(
            pair.url,
            f"{head} HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n{{}}".encode(),
            leave=True,
        )

    chunked = b"POST /predict HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n100\r\n{}"
    exchange(pair.url, chunked, leave=True)
    assert httpx.get(f"{pair.url}/nothing", timeout=120).status_code == 404
    until(lambda: refused(pair).get("404", 0) > 0, "the last answer is counted")
    assert refused(pair).get("500", 0) == before


def test_what_is_refused_is_counted_once(fresh):
    fresh.know(fresh.version("v1", "[0,1]"))
    fresh.split({"v1": 10_000})
    fresh.router()
    asked = [
        ("GET", "/nothing", {}, 404),
        ("GET", "/whoserved/x", {"Authorization": "Bearer wrong"}, 401),
        ("POST", "/v2/models/nope/infer", {}, 404),
        ("POST", INFER, {"X-Timeout-Ms": "abc"}, 400),
        ("POST", "/feedback", {}, 400),
    ]
    for method, path, headers, status in asked:
        assert (
            httpx.request(method, f"{fresh.url}{path}", headers=headers, timeout=120).status_code
            == status
        )

    until(lambda: refused(fresh) == {"400": 2, "401": 1, "404": 2}, "each is counted once")
    # What was counted a second time would be there with what is counted after it.
    assert httpx.get(f"{fresh.url}/nothing", timeout=120).status_code == 404
    until(lambda: refused(fresh).get("404") == 3, "the last one is counted")
    assert refused(fresh) == {"400": 2, "401": 1, "404": 3}


def test_an_offer_to_upgrade_is_ignored(pair):
    offer = b"Connection: Upgrade, close\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    key = b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    answer = exchange(pair.url, b"GET /predict HTTP/1.1\r\nHost: x\r\n" + offer + key, leave=True)
    assert answer.startswith(b"HTTP/1.1 405 ")
    assert b"application/problem+json" in answer


def test_another_transfer_coding_is_refused(pair):
    raw = (
        b"POST /predict HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip, chunked\r\nConnection: "
        b"close\r\n\r\n"
    )
    answer = exchange(pair.url, raw + b"2\r\n{}\r\n0\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b"Transfer-Encoding" in answer


@pytest.mark.parametrize("first", ["v1", ""])
def test_infer_takes_one_version(pair, first):
    headers = [("X-Model-Version", first), ("X-Model-Version", "v2")]
    answer = httpx.post(f"{pair.url}{INFER}", json={"inputs": []}, headers=headers, timeout=120)
    assert (answer.status_code, set(answer.json())) == (400, {"error"})


@pytest.mark.parametrize("millis", ["250", "9" * 400])
def test_infer_has_its_callers_deadline(pair, millis):
    answer = httpx.post(
        f"{pair.url}{INFER}",
        json={"inputs": [tensor(1)]},
        headers={"X-Timeout-Ms": millis},
        timeout=120,
    )
    assert answer.status_code in ((200, 504) if millis == "250" else (200,))


def test_the_index_reads_chunked_and_packed_bodies(pair):
    chunked = httpx.post(f"{pair.url}{INDEX}", content=iter([b"hello"]), timeout=120)
    packed = httpx.post(
        f"{pair.url}{INDEX}",
        content=gzip.compress(b"{}", mtime=0),
        headers={"Content-Encoding": "gzip"},
        timeout=120,
    )
    assert (chunked.status_code, packed.status_code) == (400, 200)
    assert set(chunked.json()) == {"error"}


def test_bodies_that_do_not_come_do_not_keep_the_pages_from_others(pair):
    parts = urlsplit(pair.url)
    head = f"POST {INDEX} HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n".encode()
    held = []
    try:
        for _ in range(24):
            held.append(socket.create_connection((parts.hostname, parts.port), timeout=120))
            held[-1].sendall(head)
        assert httpx.get(f"{pair.url}/v2/health/ready", timeout=20).status_code == 200
    finally:
        for each in held:
            each.close()


def test_a_host_that_cannot_be_read_is_not_this_machine():
    assert without_port("[::1]:80") == "::1"
    assert without_port("[::1") == ""
    assert without_port("127.0.0.1:80") == "127.0.0.1"
