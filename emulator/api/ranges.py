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
class Part:
    """A part of a list with the headers that say so."""

    status: int
    items: list[dict[str, Any]]
    headers: list[tuple[str, str]]


def part(items: list[dict[str, Any]], wanted: str, keys: tuple[str, ...]) -> Part:
    """Cut `items`; raises ApiError 416 for a range that cannot be read, or a key that the list has
    not.
    """
    accept = ("Accept-Ranges", ", ".join(keys))
    key, first, last, most, descending, past = _read(wanted, keys)
    ordered = sorted(items, key=lambda item: item[key], reverse=descending) if wanted else items
    ordered = [item for item in ordered if _within(item[key], first, last, descending, past)]
    taken, rest = ordered[:most], ordered[most:]
    if not taken:
        return Part(200, [], [accept])

    headers = [accept, ("Content-Range", f"{key} {taken[0][key]}..{taken[-1][key]}; max={most}")]
    if rest:
        order = ", order=desc" if descending else ""
        headers.append(("Next-Range", f"{key} ]{taken[-1][key]}..; max={most}{order}"))

    return Part(206 if rest else 200, taken, headers)


def _read(wanted: str, keys: tuple[str, ...]) -> tuple[str, str, str, int, bool, bool]:
    if not wanted:
        return keys[0], "", "", DEFAULT, False, False

    match = WRITTEN.fullmatch(wanted)
    if match is None or match["key"] not in keys:
        raise _unsatisfiable(keys)

    options = dict(
        each.partition("=")[::2]
        for each in re.split(r"[;,]\s*", match["rest"] or "")
        if each.strip()
    )
    options = {name.strip(): value.strip() for name, value in options.items()}
    most = options.get("max", str(DEFAULT))
    if (
        not most.isdigit()
        or not 1 <= int(most) <= MOST
        or options.get("order", "asc") not in ("asc", "desc")
    ):
        raise _unsatisfiable(keys)

    descending = options.get("order") == "desc"
    return (
        match["key"],
        match["start"].strip(),
        match["end"].strip(),
        int(most),
        descending,
        match["open"] == "]",
    )


def _within(value: Any, first: str, last: str, descending: bool, past: bool) -> bool:
    if first:
        start = _like(value, first)
        if (past and value == start) or (value > start if descending else value < start):
            return False

    if last:
        end = _like(value, last)
        return bool(value >= end if descending else value <= end)

    return True


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
