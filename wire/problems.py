"""Problem JSON (RFC 9457) for errors that are answered without the app."""

import json

Headers = list[tuple[bytes, bytes]]


def problem(status: int, title: str, detail: str) -> tuple[Headers, bytes]:
    """The headers and body of an error answer."""
    body = {"type": "about:blank", "title": title, "status": status, "detail": detail}
    return [(b"content-type", b"application/problem+json")], json.dumps(body).encode()
