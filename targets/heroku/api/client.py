"""A thin client of Heroku's Platform API: one request after the other, each with an end.

What may be repeated is repeated inside a deadline: GET, PUT, PATCH and DELETE after a lost
connection, a 5xx or a 429. A POST has no key that would make it safe to repeat. So whoever posts
says how to look for what it would have made; where its outcome is unknown (connection reset, no
answer in time, 5xx) the client pauses, looks, and posts again only if nothing is there. The token
is sent to the API's address and to no other, follows no redirect and is in no message."""

import logging
import re
import time
from collections.abc import Mapping
from typing import Any

import httpx

from targets.base import Say, silent
from targets.heroku.api.auth import Account
from targets.heroku.api.retry import Attempt, Fault, Look, Patience
from targets.heroku.errors import HerokuFailure, Refused
from wire.version import VERSION

ACCEPT = "application/vnd.heroku+json; version=3"
USER_AGENT = f"sluice-deploy/{VERSION}"
CONNECT_S = 10.0
MOST_PAGES = 200
NOT_IMPLEMENTED = 501
# Tokens left of an account's 4,500 an hour below which the client goes no faster than they come
# back (75 a minute).
SPARE_TOKENS = 100
_TOKEN_LIKE = re.compile(r"HRKU-[\w-]+")
_NEVER_SENT = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.UnsupportedProtocol,
)


class Client:
    """Calls of one account. Used as a context, or closed by `close`.

    say: gets waits and Heroku's warnings
    """

    def __init__(
        self, account: Account, say: Say = silent, patience: Patience | None = None
    ) -> None:
        self.account, self.say, self.patience = account, say, patience or Patience()
        self.remaining: int | None = None
        self._reported: set[str] = set()
        quiet()
        # Proxies of the environment are for the way out of this machine, never for a rehearsal on
        # it.
        connect_s = min(CONNECT_S, self.patience.answer_s)
        timeouts = httpx.Timeout(self.patience.answer_s, connect=connect_s, pool=connect_s)
        self._http = httpx.Client(
            timeout=timeouts, follow_redirects=False, trust_env=not account.on_this_machine
        )

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        """Without the token."""
        return f"Client({self.account.api!r})"

    def close(self) -> None:
        """Close the kept connections."""
        self._http.close()

    def get(self, path: str) -> Any:
        """One resource; raises Refused, Unanswered."""
        return self._call("GET", path).json()

    def get_or_none(self, path: str) -> Any:
        """One resource, None where there is none of that name; raises Refused for other reasons."""
        try:
            return self.get(path)
        except Refused as error:
            if error.status in (404, 410):
                return None
            raise

    def list_all(self, path: str, range_: str = "", pages: int = MOST_PAGES) -> list[Any]:
        """All items of a list, page by page.

        range_: such as `version ..; max=10, order=desc`
        pages: at most so many

        Raises Refused, Unanswered, and HerokuFailure where the list does not end.
        """
        items: list[Any] = []
        asked = range_
        for _ in range(pages):
            answer = self._call("GET", path, headers={"Range": asked} if asked else {})
            items += answer.json()
            following = answer.headers.get("Next-Range", "")
            if answer.status_code != 206 or not following:
                return items
            if following == asked:
                raise HerokuFailure(
                    f"Heroku's list {path} repeats its page {asked!r}: run the same command again"
                )
            asked = following

        if pages < MOST_PAGES:
            return items

        raise HerokuFailure(f"Heroku's list {path} has no end after {pages} pages")

    def patch(self, path: str, body: Mapping[str, Any], look: Look | None = None) -> Any:
        """Change a resource. look: as for `post`, where doing it twice is not the same as once."""
        return self._changed("PATCH", path, body, look)

    def put(self, path: str, body: Mapping[str, Any]) -> Any:
        """Replace a resource."""
        return self._changed("PUT", path, body, None)

    def delete(self, path: str) -> None:
        """Delete a resource; one that does not exist counts as deleted."""
        try:
            self._call("DELETE", path)
        except Refused as error:
            if error.status not in (404, 410):
                raise

    def post(self, path: str, body: Mapping[str, Any], look: Look) -> Any:
        """Make a resource, once. look: finds what this POST would have made, or returns None.

        Raises Refused, and Unanswered where neither an answer nor the resource was seen before the
        deadline."""
        return self._changed("POST", path, body, look)

    def _changed(self, method: str, path: str, body: Mapping[str, Any], look: Look | None) -> Any:
        answer = self._call(method, path, body=body, look=look)
        if isinstance(answer, httpx.Response):
            return answer.json()
        return answer

    def _call(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str] | None = None,
        body: Mapping[str, Any] | None = None,
        look: Look | None = None,
    ) -> Any:
        """The answer's Response, or what `look` found."""
        attempt = Attempt(self.patience, self.say, method, path, look)
        while True:
            outcome = self._once(attempt, headers or {}, body)
            if isinstance(outcome, httpx.Response):
                return outcome
            attempt.pause(outcome)
            if outcome.may_be_done and look is not None and (resource := look()) is not None:
                return resource

    def _once(
        self, attempt: Attempt, headers: Mapping[str, str], body: Mapping[str, Any] | None
    ) -> httpx.Response | Fault:
        """One exchange; returns the answer, or a fault that allows a retry. Raises Refused."""
        self._slow_down()
        try:
            answer = self._http.request(
                attempt.method,
                f"{self.account.api}{attempt.path}",
                headers={**self._headers(attempt.request_id), **headers},
                json=dict(body) if body else None,
            )
        except _NEVER_SENT as error:
            return Fault(self._plain(f"{type(error).__name__}: {error}"), may_be_done=False)
        except httpx.TransportError as error:
            return Fault(self._plain(f"{type(error).__name__}: {error}"), may_be_done=True)

        self._note(answer, attempt)
        return self._classify(answer, attempt)

    def _headers(self, request_id: str) -> dict[str, str]:
        return {
            "Authorization": f"Bearer {self.account.token}",
            "Accept": ACCEPT,
            "User-Agent": USER_AGENT,
            "Request-Id": request_id,
        }

    def _note(self, answer: httpx.Response, attempt: Attempt) -> None:
        attempt.request_id = self._plain(answer.headers.get("Request-Id", "")) or attempt.request_id
        left = answer.headers.get("RateLimit-Remaining", "")
        self.remaining = int(left) if left.isascii() and left.isdigit() else self.remaining
        for name in ("X-Heroku-Warning", "Warning-Message"):
            warning = self._plain(answer.headers.get(name, ""))
            if warning and warning not in self._reported:
                self._reported.add(warning)
                self.say(f"Heroku warns: {warning}")

    def _classify(self, answer: httpx.Response, attempt: Attempt) -> httpx.Response | Fault:
        status = answer.status_code
        if 200 <= status < 300:
            if attempt.method == "DELETE" or _is_json(answer):
                return answer
            return Fault(f"{status} without JSON", may_be_done=True)

        if status == 429:
            return Fault(
                "429 rate_limit",
                may_be_done=False,
                limited=True,
                retry_after_s=_retry_after(answer),
            )

        if status >= 500 and status != NOT_IMPLEMENTED:
            return Fault(f"{status} {answer.reason_phrase}".strip(), may_be_done=True)

        if attempt.look is not None and attempt.unsure and (resource := attempt.look()) is not None:
            # What was posted twice is refused the second time, because the first one was done after
            # all.
            return httpx.Response(200, json=resource)

        raise self._refusal(answer, attempt)

    def _refusal(self, answer: httpx.Response, attempt: Attempt) -> Refused:
        value = answer.json() if _is_json(answer) else None
        if not isinstance(value, dict):
            value = {}

        id_ = self._plain(str(value.get("id") or ""))
        if not id_:
            id_ = "redirected" if answer.status_code < 400 else "no error id"

        resource = self._plain(str(value.get("resource") or ""))
        message = self._plain(str(value.get("message") or ""))
        return Refused(attempt.what, answer.status_code, id_, resource, message, attempt.request_id)

    def _slow_down(self) -> None:
        if self.remaining is not None and self.remaining < SPARE_TOKENS:
            if "slow" not in self._reported:
                self._reported.add("slow")
                self.say(f"{self.remaining} requests are left for this account: going slowly")
            time.sleep(self.patience.slow_s)

    def _plain(self, text: str) -> str:
        """The text without tokens, and without what would move a terminal's cursor."""
        text = _TOKEN_LIKE.sub("***", text.replace(self.account.token, "***"))
        return printable(text)


def printable(text: str) -> str:
    """The text with a space for each character that would move a terminal's cursor."""
    return "".join(sign if sign.isprintable() else " " for sign in text)


def quiet() -> None:
    """Keep the HTTP library from logging full addresses, some of which are secrets."""
    for name in ("httpx", "httpcore"):
        logging.getLogger(name).setLevel(logging.WARNING)


def _is_json(answer: httpx.Response) -> bool:
    try:
        answer.json()
    except ValueError:
        return False
    return True


def _retry_after(answer: httpx.Response) -> float:
    text = answer.headers.get("Retry-After", "")
    if text.isascii() and text.isdigit():
        return float(text)
    return 0.0
