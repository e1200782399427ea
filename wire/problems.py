"""Errors that are answered without the app: problem JSON, or the Open Inference Protocol's form."""

import json

Headers = list[tuple[bytes, bytes]]


def problem(status: int, title: str, detail: str, url: bytes = b"") -> tuple[Headers, bytes]:
    """The headers and body of an error answer; url: asked for, whose protocol may have its own."""
    if url.startswith(b"/v2/"):
        return [(b"content-type", b"application/json")], json.dumps({"error": detail}).encode()

    body = {"type": "about:blank", "title": title, "status": status, "detail": detail}
    return [(b"content-type", b"application/problem+json")], json.dumps(body).encode()
