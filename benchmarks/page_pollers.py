"""Tabs of the operator's page that are open: each asks for the newest snapshot once a second."""

import gzip
import http.client
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urljoin, urlsplit

EVERY_S = 1.0
FILES = re.compile(r'(?:href|src)="(/?static/[^"]+)"')
MODULES = re.compile(r'from "\./([^"]+)"')


@contextmanager
def open_tabs(url: str, count: int) -> Iterator[None]:
    """So many tabs poll a router while the block runs."""
    end = threading.Event()
    tabs = [threading.Thread(target=_poll, args=(url, end, n / count)) for n in range(count)]
    for tab in tabs:
        tab.start()
    try:
        yield
    finally:
        end.set()
        for tab in tabs:
            tab.join()


def page_kb(url: str) -> float:
    """What a browser that never saw the page loads to show it, compressed as it is sent."""
    sizes: dict[str, int] = {}
    waiting = ["/"]
    while waiting:
        path = waiting.pop()
        sent, text = _loaded(url, path)
        sizes[path] = sent
        named = [urljoin(path, name) for name in (*FILES.findall(text), *MODULES.findall(text))]
        waiting += [name for name in named if name not in sizes]

    return round(sum(sizes.values()) / 1000, 1)


def _poll(url: str, end: threading.Event, first_s: float) -> None:
    connection, etag = _connection(url), ""
    end.wait(first_s * EVERY_S)
    while not end.is_set():
        connection.request("GET", "/live", headers={"If-None-Match": etag, **_GZIP})
        answer = connection.getresponse()
        answer.read()
        etag = answer.headers.get("etag") or etag
        end.wait(EVERY_S)

    connection.close()


_GZIP = {"Accept-Encoding": "gzip"}


def _connection(url: str) -> http.client.HTTPConnection:
    return http.client.HTTPConnection(urlsplit(url).netloc, timeout=30)


def _loaded(url: str, path: str) -> tuple[int, str]:
    """The bytes that are sent, and the text that they are."""
    connection = _connection(url)
    connection.request("GET", path, headers=_GZIP)
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    packed = answer.headers.get("content-encoding") == "gzip"
    return len(body), (gzip.decompress(body) if packed else body).decode("utf-8", "replace")
