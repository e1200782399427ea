"""The Open Inference Protocol: paths and the format of errors."""

import re

import msgspec

REPOSITORY_INDEX = "/v2/repository/index"
_NAME = r"[\w.-]{1,64}"
MODEL_PATH = re.compile(
    rf"/v2/models/(?P<model>{_NAME})(/versions/(?P<version>{_NAME}))?"
    r"(?P<rest>/ready|/infer|/config|/stats)?",
    re.ASCII,
)


def is_protocol(path: str) -> bool:
    """Whether answers at this path have the protocol's format."""
    return path == "/v2" or path.startswith("/v2/")


def infers(path: str, model: str) -> bool:
    """Whether predictions of this model are asked for at this path."""
    match = MODEL_PATH.fullmatch(path)
    return match is not None and match["model"] == model and match["rest"] == "/infer"


def version_in(path: str) -> str | None:
    """The version that a path names, None where it names none."""
    match = MODEL_PATH.fullmatch(path)
    return match["version"] if match is not None else None


def is_of_a_version(path: str) -> bool:
    """Whether a version answers at this path; the router itself answers the others under /v2."""
    match = MODEL_PATH.fullmatch(path)
    return match is not None and match["rest"] != "/stats"


def error_body(detail: str) -> bytes:
    """The body of an error answer."""
    return msgspec.json.encode({"error": detail})
