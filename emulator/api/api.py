"""The Platform API at its door: version, token, rate, endpoint, faults, ranges, ETag, and the
account of it all.
"""

import asyncio
import base64
import binascii
import hashlib
import json
import re
import time
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from emulator.api import (
    account,
    addons,
    apps,
    builds,
    config,
    drains,
    dynos,
    formation,
    pipelines,
    releases,
)
from emulator.api.call import Call, Handler, Reply, Route
from emulator.api.errors import (
    NO_ENDPOINT,
    NOT_ACCEPTABLE,
    RATE_LIMITED,
    UNAUTHORIZED,
    ApiError,
    not_found,
    switched_off,
)
from emulator.api.ranges import part
from emulator.checks.conformance import Link
from emulator.checks.faults import Fault
from emulator.checks.report import Exchange
from emulator.model.clock import stamp
from emulator.model.ids import new_id
from emulator.model.state import Account
from emulator.platform import Platform
from emulator.router.http1 import Headers, Inbound, Message, Responder

ACCEPT = re.compile(r"application/vnd\.heroku\+json;\s*version=3(\.[\w.-]+)?")
BODY_LIMIT = 1024 * 1024
JSON: Headers = [("Content-Type", "application/json;charset=utf-8")]
HTML = (
    b"<!DOCTYPE html><html><body><h1>Service error</h1><p>Something went wrong.</p></body></html>"
)
RESOURCES = (
    account, addons, apps, builds, config, drains, dynos, formation, pipelines,
    releases,
)  # fmt: skip
ROUTES: list[Route] = [route for resource in RESOURCES for route in resource.ROUTES]


@dataclass
class Found:
    """The endpoint of a request. `template` names it in the account."""

    template: str
    handler: Handler
    params: tuple[str, ...]


@dataclass
class Answer:
    """What goes back: status, headers, body, and the faults that the schema finds."""

    status: int
    headers: Headers
    body: bytes
    wrong: list[str]


def _pattern(template: str) -> re.Pattern[str]:
    return re.compile("([^/]+)".join(map(re.escape, template.split("{}"))))


# Literal paths first: /users/~/pipeline-couplings before /users/{}.
TABLE = sorted(
    ((method, _pattern(path), path, handler) for method, path, handler in ROUTES),
    key=lambda row: "{}" in row[2],
)


class Api:
    """Answers requests to api.heroku.com."""

    def __init__(self, platform: Platform) -> None:
        self.platform = platform

    async def serve(self, inbound: Inbound, message: Message, responder: Responder) -> None:
        """One request."""
        started, request_id = time.monotonic(), new_id()
        address = urlsplit(message.target)
        fault = self.platform.faults.take(message.method, address.path)
        raw = await _read(inbound, message)
        found = _find(message.method, address.path)
        links = self.platform.schema.find(message.method, address.path)
        if fault and (early := _early(fault)):
            answer = early
        else:
            answer = self._answer(message, dict(parse_qsl(address.query)), raw, found, links)
            if fault and fault.kind == "duplicate":
                self._answer(message, dict(parse_qsl(address.query)), raw, found, links)
                answer.status, answer.wrong = 202, []

        if fault and fault.kind == "slow":
            await asyncio.sleep(fault.seconds)

        endpoint = f"{message.method} {found.template if found else '(unknown)'}"
        seconds = round(time.monotonic() - started, 4)
        exchange = Exchange(
            stamp(), message.method, address.path, endpoint, answer.status, seconds, request_id
        )
        exchange.fault, exchange.wrong = fault.kind if fault else "", answer.wrong
        self.platform.tally.add(exchange, checked=bool(links))
        if fault and fault.kind in ("reset_before", "reset_after"):
            responder.reset()
            return

        await responder.send(
            answer.status, [("Request-Id", request_id), *answer.headers], answer.body
        )

    def _answer(
        self,
        message: Message,
        query: dict[str, str],
        raw: bytes,
        found: Found | None,
        links: list[Link],
    ) -> Answer:
        headers: Headers = []
        wrong: list[str] = []
        try:
            account = self._admit(message, found, headers)
            if found is None:
                self.platform.tally.other["not_emulated" if links else "unknown"] += 1
                if not links:
                    raise NO_ENDPOINT
                return self._reply(
                    message, _of_a_feature_that_is_off(links[0]), headers, wrong, links
                )
            body = _json(raw)
            wrong += self.platform.schema.wrong_request(links, body) if body or links else []
            reply = found.handler(Call(self.platform, account, found.params, body or {}, query))
            return self._reply(message, reply, headers, wrong, links)
        except ApiError as error:
            # A request that was refused may well be wrong: that is why.
            return Answer(
                error.status,
                [*JSON, *headers],
                _dump(error.body()),
                [] if error.status == 422 else wrong,
            )

    def _admit(self, message: Message, found: Found | None, headers: Headers) -> Account:
        if not ACCEPT.search(message.header("accept")):
            raise NOT_ACCEPTABLE

        token = _token(message.header("authorization"))
        account = next((each for each in self.platform.world.accounts if each.token == token), None)
        if account is None or not token:
            raise UNAUTHORIZED

        free = found is not None and found.template == "/account/rate-limits"
        admitted = free or self.platform.rate.take(account.id)
        headers.append(("RateLimit-Remaining", str(self.platform.rate.remaining(account.id))))
        if not admitted:
            raise RATE_LIMITED

        return account

    def _reply(
        self, message: Message, reply: Reply, headers: Headers, wrong: list[str], links: list[Link]
    ) -> Answer:
        headers += reply.headers
        body, status = reply.body, reply.status
        if isinstance(body, list):
            cut = part(body, message.header("range"), reply.keys)
            body, headers = cut.items, headers + cut.headers
            status = cut.status if reply.status == 200 else reply.status

        wrong += self.platform.schema.wrong_reply(links, status, body) if links else []
        if reply.included and message.header("accept-inclusion"):
            # The schema does not know of inclusions.
            body = [{**each, **reply.included.get(each["id"], {})} for each in body]

        data = _dump(body)
        tag = f'"{hashlib.sha256(data).hexdigest()[:32]}"'
        if message.method == "GET" and message.header("if-none-match") == tag:
            return Answer(304, [("ETag", tag), *headers], b"", wrong)

        return Answer(status, [*JSON, ("ETag", tag), *headers], data, wrong)


def _find(method: str, path: str) -> Found | None:
    for own, pattern, template, handler in TABLE:
        if own == method and (match := pattern.fullmatch(path)):
            return Found(template, handler, tuple(map(unquote, match.groups())))
    return None


def _of_a_feature_that_is_off(link: Link) -> Reply:
    """What the schema has and the emulator has not: none are listed, none is found, and none can be
    made.
    """
    if link.raw["method"] != "GET":
        raise switched_off(link.resource)
    if link.raw.get("rel") != "instances":
        raise not_found(link.resource.replace("-", "_"))
    return Reply([])


def _early(fault: Fault) -> Answer | None:
    """The answer of a fault that keeps the platform from acting."""
    if fault.kind in ("html_500", "html_503"):
        return Answer(int(fault.kind[-3:]), [("Content-Type", "text/html")], HTML, [])
    if fault.kind == "rate_limit":
        return Answer(429, [*JSON, ("RateLimit-Remaining", "0")], _dump(RATE_LIMITED.body()), [])
    if fault.kind == "reset_before":
        return Answer(0, [], b"", [])

    return None


async def _read(inbound: Inbound, message: Message) -> bytes:
    body = b""
    async for chunk in inbound.body(message):
        body = (body + chunk)[: BODY_LIMIT + 1]
    return body


def _json(raw: bytes) -> dict[str, Any] | None:
    if len(raw) > BODY_LIMIT:
        raise ApiError(400, "bad_request", "The request's body is larger than 1 MiB.")
    if not raw.strip():
        return None

    try:
        body = json.loads(raw)
    except ValueError as error:
        raise ApiError(400, "bad_request", "Unable to parse the JSON request.") from error

    if not isinstance(body, dict):
        raise ApiError(400, "bad_request", "The request's body must be a JSON object.")

    return body


def _token(authorization: str) -> str:
    scheme, _, value = authorization.partition(" ")
    if scheme.lower() == "bearer":
        return value.strip()

    if scheme.lower() == "basic":
        try:
            return base64.b64decode(value, validate=True).decode().partition(":")[2]
        except (binascii.Error, UnicodeDecodeError):
            return ""

    return ""


def _dump(body: object) -> bytes:
    return json.dumps(body, separators=(",", ":")).encode()
