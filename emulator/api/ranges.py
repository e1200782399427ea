"""Lists in parts: `Range: version ]10..; max=10, order=desc`, 206 and Next-Range."""

import re
from dataclasses import dataclass
from typing import Any

from emulator.api.errors import ApiError

WRITTEN = re.compile(
    r"\s*(?P<key>[a-z_]+)\s*(?P<open>\]?)(?P<start>[^.;]*)\.\.(?P<end>[^;]*?)\s*(;(?P<rest>.*))?"
)
DEFAULT, MOST = 200, 1000


@dataclass(frozen=True)
class Range:
    """A range as a client wrote it. start, end: empty where open; exclusive: without the start."""

    key: str
    start: str = ""
    end: str = ""
    exclusive: bool = False
    most: int = DEFAULT
    descending: bool = False

    def contains(self, value: Any) -> bool:
        """Whether an item with this value of the key is in the range."""
        if self.start:
            start = _like(value, self.start)
            if (self.exclusive and value == start) or self._before(value, start):
                return False

        return not self.end or not self._before(_like(value, self.end), value)

    def _before(self, value: Any, other: Any) -> bool:
        """Whether the value comes before the other in this order."""
        if self.descending:
            return bool(value > other)
        return bool(value < other)


@dataclass(frozen=True)
class Part:
    """A part of a list with the headers that say so."""

    status: int
    items: list[dict[str, Any]]
    headers: list[tuple[str, str]]


def part(items: list[dict[str, Any]], header: str, keys: tuple[str, ...]) -> Part:
    """The part of a list that a Range header asks for; keys: those that may be ranged by.

    Raises ApiError 416 for a range that cannot be read, or a key that the list has not.
    """
    requested = _read(header, keys)
    key, most = requested.key, requested.most
    if header:
        items = sorted(items, key=lambda item: item[key], reverse=requested.descending)

    in_range = [item for item in items if requested.contains(item[key])]
    included = in_range[:most]
    headers = [("Accept-Ranges", ", ".join(keys))]
    if not included:
        return Part(200, [], headers)

    last = included[-1][key]
    headers.append(("Content-Range", f"{key} {included[0][key]}..{last}; max={most}"))
    if len(in_range) <= most:
        return Part(200, included, headers)

    order = ", order=desc" if requested.descending else ""
    headers.append(("Next-Range", f"{key} ]{last}..; max={most}{order}"))
    return Part(206, included, headers)


def _read(header: str, keys: tuple[str, ...]) -> Range:
    if not header:
        return Range(keys[0])

    match = WRITTEN.fullmatch(header)
    if match is None or match["key"] not in keys:
        raise _unsatisfiable(keys)

    options = _options(match["rest"] or "")
    most, order = options.get("max", str(DEFAULT)), options.get("order", "asc")
    if not most.isdigit() or not 1 <= int(most) <= MOST or order not in ("asc", "desc"):
        raise _unsatisfiable(keys)

    return Range(
        match["key"],
        match["start"].strip(),
        match["end"].strip(),
        exclusive=match["open"] == "]",
        most=int(most),
        descending=order == "desc",
    )


def _options(text: str) -> dict[str, str]:
    """Of `max=10, order=desc`."""
    options = {}
    for option in re.split(r"[;,]\s*", text):
        name, _, value = option.partition("=")
        options[name.strip()] = value.strip()

    return options


def _like(value: Any, text: str) -> Any:
    if isinstance(value, int) and text.isdigit():
        return int(text)
    return text


def _unsatisfiable(keys: tuple[str, ...]) -> ApiError:
    return ApiError(
        416,
        "requested_range_not_satisfiable",
        f"Invalid `Range` header. Please use one of {', '.join(keys)}.",
    )
