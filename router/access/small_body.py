"""Small bodies of the endpoints for people: JSON objects and forms."""

import asyncio
import time
from typing import Any
from urllib.parse import parse_qsl

import msgspec

from router.problems import Headers, Problem, Receive, read_body

LARGEST_BODY = 4096
GIVE_UP_S = 5.0
MOST_FIELDS = 10
FORM = b"application/x-www-form-urlencoded"


async def small_body(receive: Receive) -> bytes:
    """The complete body; raises Problem 413 past 4 kB, 408 after five seconds."""
    try:
        async with asyncio.timeout(GIVE_UP_S):
            return await read_body(receive, LARGEST_BODY, time.monotonic, GIVE_UP_S)
    except TimeoutError as error:
        raise Problem(408, "the body took too long to arrive: send it in one go") from error


def is_form(headers: Headers, body: bytes) -> bool:
    """Whether the body is a form, as a page without a script sends it.

    JSON is told by its first sign, since curl calls everything a form."""
    given = next((value for name, value in headers if name == b"content-type"), b"")
    typed = given.partition(b";")[0].strip().lower() == FORM
    return typed and not body.lstrip().startswith(b"{")


def fields_of(headers: Headers, body: bytes) -> dict[str, Any]:
    """The fields of a form or of a JSON object; raises Problem 400."""
    try:
        if is_form(headers, body):
            return dict(
                parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=MOST_FIELDS)
            )
        if not body.strip():
            return {}
        return msgspec.json.decode(body, type=dict[str, Any])
    except (ValueError, RecursionError) as error:
        raise Problem(400, f"the body is neither a form nor a JSON object: {error}") from error
