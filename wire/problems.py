"""Problem JSON (RFC 9457) for errors that no app has a part in."""

import json

Headers = list[tuple[bytes, bytes]]


def problem(status: int, title: str, detail: str) -> tuple[Headers, bytes]:
    """Headers and body of one problem."""
    body = {"type": "about:blank", "title": title, "status": status, "detail": detail}
    return [(b"content-type", b"application/problem+json")], json.dumps(body).encode()
