"""GET / and /live: the operator's page, and the snapshot that keeps it fresh; its files under
/static/.

On the ASGI side, not in the threads of other pages: however many tabs are open, health and metrics
wait for none of them."""

import re
import time
from collections.abc import Callable
from datetime import UTC, datetime
from urllib.parse import parse_qs

from router.access.areas import Area
from router.access.callers import Caller
from router.access.rules import Access
from router.problems import (
    Headers,
    Problem,
    Receive,
    Scope,
    Send,
    answer,
    answer_options,
    not_allowed,
)
from router.watching.assets import SIGN_IN, Assets
from router.watching.live_snapshot import LiveSnapshot, LiveSnapshots
from router.watching.sections.page_sections import PageSections
from router.watching.security_headers import of_page
from router.watching.sources.page_reader import PageReader
from router.watching.sources.time_span import checked
from store.errors import StoreError

PAGE, LIVE = "/", "/live"
LONGEST_QUERY = 200
MOST_FIELDS = 4
_HTML = b"text/html; charset=utf-8"


class WatchEndpoint:
    """The endpoint. Belongs to one worker. model: shown as the page's title."""

    def __init__(
        self, model: str, reader: PageReader, access: Access, leaving: Callable[[], bool]
    ) -> None:
        self._model, self._access, self._leaving = model, access, leaving
        self._assets, self._sections = Assets(), PageSections()
        self._snapshots = LiveSnapshots(reader, self._sections, self._assets.version)

    async def __call__(self, scope: Scope, _receive: Receive, send: Send) -> None:
        """Answer one ASGI request."""
        if scope["method"] == "OPTIONS":
            await answer_options(send, "GET", "HEAD")
            return
        if scope["method"] not in ("GET", "HEAD"):
            raise not_allowed("the page is read with GET", "GET", "HEAD")

        path = scope["path"]
        if path == PAGE:
            status, headers, body = await self._page(scope)
        elif path == LIVE:
            status, headers, body = await self._live(scope)
        else:
            status, (headers, body) = 200, self._file(scope)

        if self._leaving():
            headers.append((b"connection", b"close"))

        await answer(send, status, headers, body)

    def close(self) -> None:
        """Render no more snapshots."""
        self._snapshots.close()

    async def _page(self, scope: Scope) -> tuple[int, Headers, bytes]:
        headers = [(b"content-type", _HTML), (b"cache-control", b"no-store"), *of_page()]
        try:
            caller = self._access.require(Area.PAGE, scope["method"], scope["headers"])
        except Problem as refused:
            if refused.status != 401:
                raise
            # Who follows a link from another site looks like a stranger, since the browser keeps
            # the cookie back: the page then asks once more itself, a request of this site.
            site = dict(scope["headers"]).get(b"sec-fetch-site")
            by_link = site in (b"cross-site", b"same-site")
            text = self._sections.sign_in(asset=self._assets.address, comes_by_link=by_link)
            return 401, [*headers, (b"www-authenticate", b"Bearer")], text.encode()

        caller = self._known(caller, scope)
        span, at = _asked(scope)
        snapshot = await self._snapshot(span, at)
        text = self._sections.page(
            snapshot.sections_for(caller.sees_rows),
            asset=self._assets.address,
            version=self._assets.version,
            model=self._model,
            span=span,
            at=at,
            now=time.time(),
            caller=caller,
        )
        return 200, headers, text.encode()

    async def _live(self, scope: Scope) -> tuple[int, Headers, bytes]:
        caller = self._access.require(Area.PAGE, scope["method"], scope["headers"])
        caller = self._known(caller, scope)
        span, at = _asked(scope)
        snapshot = await self._snapshot(span, at)
        encoded = snapshot.with_rows if caller.sees_rows else snapshot.public

        asked = dict(scope["headers"])
        # These change with each second, and are no reason to send the same numbers again.
        headers = [
            (b"etag", encoded.etag),
            (b"cache-control", b"no-cache"),
            (b"vary", b"accept-encoding, cookie, authorization"),
            (b"x-now", f"{time.time():.3f}".encode()),
            (b"x-role", caller.role.name.lower().encode()),
            (b"x-name", caller.name.encode("ascii", "ignore")),
            *of_page(),
        ]
        if snapshot.counted_at is not None:
            headers.append((b"x-counted-at", f"{snapshot.counted_at:.3f}".encode()))
        if encoded.etag in asked.get(b"if-none-match", b""):
            return 304, headers, b""

        headers.append((b"content-type", b"application/json"))
        if b"gzip" in asked.get(b"accept-encoding", b""):
            return 200, [*headers, (b"content-encoding", b"gzip")], encoded.zipped
        return 200, headers, encoded.body

    def _file(self, scope: Scope) -> tuple[Headers, bytes]:
        path = scope["path"]
        if path.rpartition("/")[2] not in SIGN_IN:
            self._access.require(Area.PAGE, scope["method"], scope["headers"])

        headers, body = self._assets.answer(path)
        return [*headers, (b"x-content-type-options", b"nosniff")], body

    def _known(self, caller: Caller, scope: Scope) -> Caller:
        """Who it is also where the page is for everybody, and nobody was asked."""
        if caller.role:
            return caller
        try:
            return self._access.caller(scope["method"], scope["headers"])
        except Problem:
            return caller

    async def _snapshot(self, span: str, at: float | None) -> LiveSnapshot:
        try:
            if at is None:
                return await self._snapshots.now(span)
            return await self._snapshots.then(at, span)
        except StoreError as error:
            raise Problem(503, f"the past cannot be read now: {error}", retry_after_s=2) from error


def _asked(scope: Scope) -> tuple[str, float | None]:
    """The span and the moment of a request's query; raises Problem 400."""
    query = scope["query_string"].decode("latin-1")
    if len(query) > LONGEST_QUERY:
        raise Problem(400, f"the query is longer than {LONGEST_QUERY} characters")

    try:
        fields = parse_qs(query, keep_blank_values=True, max_num_fields=MOST_FIELDS)
    except ValueError:
        raise Problem(
            400, f"the query has more than {MOST_FIELDS} fields: it takes `span` and `at`"
        ) from None

    at = fields.get("at", [""])[-1].strip()
    return checked(fields.get("span", [""])[-1]), _moment(at) if at else None


def _moment(text: str) -> float:
    """Epoch seconds of a time in ISO 8601, without a zone in UTC, or of plain epoch seconds."""
    if re.fullmatch(r"[0-9]{9,10}(\.[0-9]+)?", text):
        moment = float(text)
    else:
        try:
            # In an address a plus is a space.
            read = datetime.fromisoformat(re.sub(r"(T.+) (\d\d:?\d\d)$", r"\1+\2", text))
            moment = (read if read.tzinfo else read.replace(tzinfo=UTC)).timestamp()
        except (ValueError, OverflowError):
            raise Problem(
                400, "`at` is no time: write 2026-05-01T12:03:05Z, or seconds since 1970"
            ) from None

    if not 0 <= moment <= time.time():
        raise Problem(400, "`at` is still to come, or before 1970: give a time that has passed")
    return moment
