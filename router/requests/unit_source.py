"""Finds the unit of a request: in the header, else in the cookie, else in its first row.

A value counts as a whole, however long it is. Numbers and booleans are written as in JSON, whole
numbers without a decimal point."""

from collections.abc import Callable
from typing import Any

import msgspec

from rollout.settings import Unit

DEFAULT_COOKIE = "sluice_unit"


class UnitSource:
    """Finds units by the settings of [router.unit]."""

    def __init__(self, settings: Unit) -> None:
        self.header = settings.header.lower().encode()
        self.cookie_name = (settings.cookie or DEFAULT_COOKIE).encode()
        self.field = settings.field
        self.set_cookie = settings.set_cookie
        self._reads_cookies = bool(settings.cookie) or settings.set_cookie

    def unit(self, header: bytes, cookies: bytes, field: Callable[[str], Any]) -> bytes:
        """The unit; empty where the request has none.

        header: the value of the unit's header. cookies: the value of the Cookie header.
        field: gives a value of the first row by name, None where there is none."""
        if header:
            return header
        if self._reads_cookies and cookies and (value := cookie(cookies, self.cookie_name)):
            return value
        if self.field:
            return as_unit(field(self.field))
        return b""

    def set_cookie_header(self, value: bytes) -> bytes:
        """The value of a Set-Cookie header that gives the caller this unit."""
        return b"%b=%b; Path=/; Max-Age=31536000; HttpOnly; SameSite=Lax" % (
            self.cookie_name,
            value,
        )


def row_field(row: msgspec.Raw) -> Callable[[str], Any]:
    """A function that gives a raw row's values by name."""

    def value(name: str) -> Any:
        try:
            columns = msgspec.json.decode(row)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return None

        if isinstance(columns, dict):
            return columns.get(name)
        return None

    return value


def as_unit(value: Any) -> bytes:
    """A value of a row as a unit; empty unless it is a scalar."""
    if isinstance(value, str):
        return value.encode("utf-8", "surrogatepass")
    if isinstance(value, bool):
        return b"true" if value else b"false"

    if isinstance(value, float) and value.is_integer():
        value = int(value)

    if isinstance(value, int | float):
        return str(value).encode()
    return b""


def cookie(header: bytes, name: bytes) -> bytes:
    """The value of the first cookie of that name, without quotes; empty where there is none."""
    for pair in header.split(b";"):
        key, _, value = pair.partition(b"=")
        if key.strip() == name:
            value = value.strip()
            if len(value) > 1 and value[:1] == value[-1:] == b'"':
                return value[1:-1]
            return value

    return b""
