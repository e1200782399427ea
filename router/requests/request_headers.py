"""What a request's headers say of it, read once and the same on every way in.

A header that may be given once is refused where it comes again, whatever its values are: who reads
them elsewhere may take another one of them."""

from router.problems import Headers, Problem
from router.requests.deadline import no_time, seconds_of

LONGEST_ID = 128


class RequestContext:
    """What a request's headers say.

    fault: what its caller is to be told instead of an answer; waited_s: how much of its time has
    gone by already.
    """

    __slots__ = (
        *("cookie", "encoding", "fault", "pin", "request_id", "timeout_s", "unit", "waited_s"),
    )

    def __init__(self) -> None:
        self.pin: str | None = None
        self.request_id: bytes = b""
        self.unit: bytes = b""
        self.cookie: bytes = b""
        self.encoding: bytes = b""
        self.timeout_s: float | None = None
        self.fault: Problem | None = None
        self.waited_s = 0.0


def read_headers(headers: Headers, unit_header: bytes) -> RequestContext:
    """The context of a request; unit_header: the name of the header that names its unit."""
    asked = RequestContext()
    once: list[bytes] = []
    for name, value in headers:
        if name == unit_header:
            once.append(name)
            asked.unit = value
        elif name == b"x-request-id":
            asked.request_id = value if len(value) <= LONGEST_ID and _plain(value) else b""
        elif name == b"x-model-version":
            once.append(name)
            asked.pin = value.decode("latin-1") or None
        elif name == b"cookie":
            asked.cookie = asked.cookie + b";" + value if asked.cookie else value
        elif name == b"content-encoding":
            asked.encoding = asked.encoding + b"," + value if asked.encoding else value
        elif name == b"x-timeout-ms":
            once.append(name)
            asked.timeout_s = seconds_of(value)
            if asked.timeout_s is None:
                asked.fault = no_time(value)

    if len(once) > 1 and (twice := next((n for n in once if once.count(n) > 1), b"")):
        asked.fault = given_twice(twice)

    return asked


def given_twice(name: bytes) -> Problem:
    """What is said of a header that may be given once."""
    return Problem(400, f"the header {name.decode('latin-1')} is given twice: send it once")


def _plain(value: bytes) -> bool:
    """Whether it may be given back in a header as it came."""
    return value.isascii() and value.decode().isprintable()
