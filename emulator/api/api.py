"""The Platform API: version, token, rate limit, endpoint, faults, ranges, ETag, and the report of
each call.
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
from urllib.parse import parse_qsl, urlsplit

from emulator.api.call import Call, Reply
from emulator.api.endpoints import Endpoint, find_endpoint
from emulator.api.errors import (
    NO_ENDPOINT,
    NOT_ACCEPTABLE,
    RATE_LIMITED,
    UNAUTHORIZED,
    ApiError,
    not_found,
    unavailable,
)
from emulator.api.ranges import part
from emulator.checks.conformance import Link
from emulator.checks.faults import Fault
from emulator.checks.report import Exchange
from emulator.model.clock import stamp
from emulator.model.ids import new_id
from emulator.model.record import Account
from emulator.platform import Platform
from emulator.router.http1 import Headers, Inbound, Message, Responder

ACCEPT = re.compile(r"application/vnd\.heroku\+json;\s*version=3(\.[\w.-]+)?")
BODY_LIMIT = 1024 * 1024
JSON: Headers = [("Content-Type", "application/json;charset=utf-8")]
HTML = (
    b"<!DOCTYPE html><html><body><h1>Service error</h1><p>Something went wrong.</p></body></html>"
)


@dataclass
class Response:
    """Status, headers and body; `wrong` lists what the schema does not allow."""

    status: int
    headers: Headers
    body: bytes
    wrong: list[str]


@dataclass
class ApiRequest:
    """A request with all that is known of it. links: the schema's operations at its address."""

    message: Message
    path: str
    query: dict[str, str]
    body: bytes
    endpoint: Endpoint | None
    links: list[Link]


class Api:
    """Answers requests to api.heroku.com."""

    def __init__(self, platform: Platform) -> None:
        self.platform = platform

    async def serve(self, inbound: Inbound, message: Message, responder: Responder) -> None:
        """Serve one request."""
        started, request_id = time.monotonic(), new_id()
        address = urlsplit(message.target)
        fault = self.platform.faults.take(message.method, address.path)
        request = ApiRequest(
            message,
            address.path,
            dict(parse_qsl(address.query)),
            await _read(inbound, message),
            find_endpoint(message.method, address.path),
            self.platform.schema.find(message.method, address.path),
        )

        response = self._faulty(request, fault)
        if fault and fault.kind == "slow":
            await asyncio.sleep(fault.seconds)

        seconds = round(time.monotonic() - started, 4)
        self._report(request, response, fault, seconds, request_id)
        if fault and fault.kind in ("reset_before", "reset_after"):
            responder.reset()
            return

        headers = [("Request-Id", request_id), *response.headers]
        await responder.send(response.status, headers, response.body)

    def _faulty(self, request: ApiRequest, fault: Fault | None) -> Response:
        """The response, and what the platform does, under a fault (None: there is none)."""
        if fault and (early := _early(fault)):
            return early

        response = self._respond(request)
        if fault and fault.kind == "duplicate":
            self._respond(request)
            response.status, response.wrong = 202, []

        return response

    def _report(
        self,
        request: ApiRequest,
        response: Response,
        fault: Fault | None,
        seconds: float,
        request_id: str,
    ) -> None:
        method = request.message.method
        template = request.endpoint.template if request.endpoint else "(unknown)"
        exchange = Exchange(
            stamp(),
            method,
            request.path,
            f"{method} {template}",
            response.status,
            seconds,
            request_id,
            wrong=response.wrong,
        )
        if fault:
            exchange.fault = fault.kind

        self.platform.report.add(exchange, checked=bool(request.links))

    def _respond(self, request: ApiRequest) -> Response:
        headers: Headers = []
        wrong: list[str] = []
        try:
            return self._perform(request, headers, wrong)
        except ApiError as error:
            # A request that was refused may well be wrong: that is why.
            if error.status == 422:
                wrong = []
            return Response(error.status, [*JSON, *headers], _dump(error.body()), wrong)

    def _perform(self, request: ApiRequest, headers: Headers, wrong: list[str]) -> Response:
        """Act and respond; raises ApiError. Adds to the headers and to what is wrong."""
        account = self._admit(request, headers)
        if request.endpoint is None:
            reply = self._without_endpoint(request.links)
            return self._reply(request, reply, headers, wrong)

        body = _json(request.body)
        if body or request.links:
            wrong += self.platform.schema.wrong_request(request.links, body)

        call = Call(self.platform, account, request.endpoint.params, body or {}, request.query)
        return self._reply(request, request.endpoint.handler(call), headers, wrong)

    def _without_endpoint(self, links: list[Link]) -> Reply:
        if not links:
            self.platform.report.other["unknown"] += 1
            raise NO_ENDPOINT

        self.platform.report.other["not_emulated"] += 1
        return _of_unavailable_feature(links[0])

    def _admit(self, request: ApiRequest, headers: Headers) -> Account:
        """The caller's account.

        Raises ApiError for a wrong version, a wrong token or an empty rate limit bucket.
        """
        if not ACCEPT.search(request.message.header("accept")):
            raise NOT_ACCEPTABLE

        account = self._account(_token(request.message.header("authorization")))
        endpoint = request.endpoint
        free = endpoint is not None and endpoint.template == "/account/rate-limits"
        admitted = free or self.platform.rate.take(account.id)
        headers.append(("RateLimit-Remaining", str(self.platform.rate.remaining(account.id))))
        if not admitted:
            raise RATE_LIMITED

        return account

    def _account(self, token: str) -> Account:
        for account in self.platform.state.accounts:
            if token and account.token == token:
                return account

        raise UNAUTHORIZED

    def _reply(
        self, request: ApiRequest, reply: Reply, headers: Headers, wrong: list[str]
    ) -> Response:
        message = request.message
        headers += reply.headers
        body, status = reply.body, reply.status
        if isinstance(body, list):
            requested = part(body, message.header("range"), reply.keys)
            body, headers = requested.items, headers + requested.headers
            if status == 200:
                status = requested.status

        if request.links:
            wrong += self.platform.schema.wrong_reply(request.links, status, body)

        if reply.included and message.header("accept-inclusion"):
            # The schema does not know of inclusions.
            body = [{**item, **reply.included.get(item["id"], {})} for item in body]

        data = _dump(body)
        tag = f'"{hashlib.sha256(data).hexdigest()[:32]}"'
        if message.method == "GET" and message.header("if-none-match") == tag:
            return Response(304, [("ETag", tag), *headers], b"", wrong)

        return Response(status, [*JSON, ("ETag", tag), *headers], data, wrong)


def _of_unavailable_feature(link: Link) -> Reply:
    """The reply to what the schema has and the emulator has not: lists are empty, nothing is found,
    and none can be made.
    """
    if link.raw["method"] != "GET":
        raise unavailable(link.resource)
    if link.raw.get("rel") != "instances":
        raise not_found(link.resource.replace("-", "_"))
    return Reply([])


def _early(fault: Fault) -> Response | None:
    """The answer of a fault that keeps the platform from acting."""
    if fault.kind in ("html_500", "html_503"):
        return Response(int(fault.kind[-3:]), [("Content-Type", "text/html")], HTML, [])
    if fault.kind == "rate_limit":
        return Response(429, [*JSON, ("RateLimit-Remaining", "0")], _dump(RATE_LIMITED.body()), [])
    if fault.kind == "reset_before":
        return Response(0, [], b"", [])

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
