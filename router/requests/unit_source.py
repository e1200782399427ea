"""Which unit a request is for: the header, else the cookie, else the field of its first row. The
same on every way in.

All of a value counts, however long. Numbers and booleans are taken as JSON writes them, whole
numbers without a point."""

from collections.abc import Callable
from typing import Any

import msgspec

from rollout.settings import Unit

DEFAULT_COOKIE = "sluice_unit"


class UnitSource:
    """Reads units as deploy.toml's [router.unit] says."""

    def __init__(self, settings: Unit) -> None:
        self.header = settings.header.lower().encode()
        self.cookie_name = (settings.cookie or DEFAULT_COOKIE).encode()
        self.field = settings.field
        self.set_cookie = settings.set_cookie
        self._reads_cookies = bool(settings.cookie) or settings.set_cookie

    def unit(self, header: bytes, cookies: bytes, field: Callable[[str], Any]) -> bytes:
        """The unit, empty where the request names none.

        header: the value of the header of that name; cookies: of the Cookie header; field(name):
        that value of the request's first row, None where there is none."""
        if header:
            return header
        if self._reads_cookies and cookies and (found := cookie(cookies, self.cookie_name)):
            return found
        if self.field:
            return as_unit(field(self.field))
        return b""

    def set_cookie_header(self, value: bytes) -> bytes:
        """The Set-Cookie that makes this caller a unit."""
        return b"%b=%b; Path=/; Max-Age=31536000; HttpOnly; SameSite=Lax" % (
            self.cookie_name,
            value,
        )


def row_field(row: msgspec.Raw) -> Callable[[str], Any]:
    """The values of a raw row by name, decoded when first asked for."""

    def value(name: str) -> Any:
        try:
            found = msgspec.json.decode(row)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return None
        if isinstance(found, dict):
            return found.get(name)
        return None

    return value


def as_unit(value: Any) -> bytes:
    """A field's value as a unit; empty for what is no scalar."""
    if isinstance(value, str):
        return value.encode("utf-8", "surrogatepass")
    if isinstance(value, bool):
        if value:
            return b"true"
        return b"false"

    if isinstance(value, float) and value.is_integer():
        value = int(value)

    if isinstance(value, int | float):
        return str(value).encode()
    return b""


def cookie(header: bytes, name: bytes) -> bytes:
    """The value of the first cookie of that name, without quotes around it; empty where there is
    none.
    """
    for pair in header.split(b";"):
        key, _, value = pair.partition(b"=")
        if key.strip() == name:
            value = value.strip()
            quoted = len(value) > 1 and value[:1] == value[-1:] == b'"'
            if quoted:
                return value[1:-1]
            return value

    return b""
