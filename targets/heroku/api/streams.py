"""Addresses that Heroku hands out for one purpose: output to read, and where to upload. The token
is sent to none.

A stream may be cut at any moment, and its end says nothing about success. It is followed from the
byte where it broke off until what writes it is over; an address that cannot be read costs only the
output."""

import re
import time
from collections.abc import Callable, Iterator

import httpx

from targets.base import Say
from targets.heroku.api.auth import on_this_machine
from targets.heroku.api.client import USER_AGENT, printable, quiet
from targets.heroku.errors import HerokuFailure

READING = httpx.Timeout(connect=10.0, read=60.0, write=10.0, pool=10.0)
UPLOADING = httpx.Timeout(connect=10.0, read=120.0, write=120.0, pool=10.0)
UPLOADS = 4
_ESCAPE = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]")


def follow(
    url: str, say: Say, over: Callable[[], bool], deadline: float, poll_s: float = 1.0
) -> list[str]:
    """Report every whole line of a stream until `over`; returns the lines.

    deadline: on time.monotonic's clock
    """
    reading = _Reading(say)
    with _http(url, READING) as http:
        while True:
            reading.read(http, url, deadline)
            if over():
                # What was written between the cut and the end.
                reading.read(http, url, deadline)
                return reading.ended()
            if time.monotonic() + poll_s > deadline:
                return reading.ended()
            time.sleep(poll_s)


def lines_of(url: str, deadline: float) -> Iterator[str]:
    """The lines of a stream until it ends, breaks off, or the deadline (time.monotonic) passes."""
    lines: list[str] = []
    reading = _Reading(lines.append)
    with _http(url, READING) as http:
        reading.read(http, url, deadline)

    reading.ended()
    yield from lines


def upload(url: str, content: bytes, pause_s: float = 1.0) -> None:
    """PUT the bytes to a presigned address, with retries; raises HerokuFailure."""
    why = ""
    # Its signature covers an empty Content-Type, and it takes no chunks.
    with _http(url, UPLOADING) as http:
        for attempt in range(UPLOADS):
            if attempt:
                time.sleep(pause_s * 2 ** (attempt - 1))
            try:
                answer = http.put(url, content=content, headers={"Content-Type": ""})
            except httpx.TransportError as error:
                why = type(error).__name__
                continue
            if answer.is_success:
                return
            why = f"{answer.status_code} {answer.reason_phrase}"
            if answer.status_code < 500:
                break

    # The address itself is a secret while it is valid.
    raise HerokuFailure(
        f"the source could not be uploaded ({len(content)} bytes): {why}; run the same command "
        "again"
    )


def _http(url: str, timeouts: httpx.Timeout) -> httpx.Client:
    """A client without the token; the environment's proxies are used for other machines alone."""
    quiet()
    away = not on_this_machine(url)
    return httpx.Client(
        timeout=timeouts, headers={"User-Agent": USER_AGENT}, follow_redirects=True, trust_env=away
    )


class _Reading:
    """How far one stream was read."""

    def __init__(self, say: Say) -> None:
        self._say = say
        self._bytes = 0
        self._rest = b""
        self._lines: list[str] = []

    def read(self, http: httpx.Client, url: str, deadline: float) -> None:
        """Read on until it ends or breaks off."""
        headers = {"Accept": "text/plain"}
        if self._bytes:
            headers["Range"] = f"bytes={self._bytes}-"

        try:
            with http.stream("GET", url, headers=headers) as answer:
                if answer.is_success:
                    self._take(answer, deadline)
        except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError):
            return

    def _take(self, answer: httpx.Response, deadline: float) -> None:
        # Whoever does not know ranges sends all of it again.
        skip = 0 if answer.status_code == 206 else self._bytes
        for chunk in answer.iter_bytes():
            fresh, skip = chunk[skip:], max(0, skip - len(chunk))
            self._bytes += len(fresh)
            *whole, self._rest = (self._rest + fresh).split(b"\n")
            for line in whole:
                self._tell(line)
            if time.monotonic() > deadline:
                return

    def ended(self) -> list[str]:
        """All lines, a last one without an end too."""
        if self._rest:
            self._tell(self._rest)
            self._rest = b""
        return self._lines

    def _tell(self, raw: bytes) -> None:
        line = plain(raw.decode(errors="replace")).rstrip()
        self._lines.append(line)
        self._say(line)


def plain(text: str) -> str:
    """Somebody else's text without what would move a terminal's cursor."""
    return printable(_ESCAPE.sub("", text))
