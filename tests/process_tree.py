"""The processes under one, and whether they have ended. It reads Linux's /proc."""

from pathlib import Path


def has_ended(number: int) -> bool:
    """Whether a process is gone, or waits only for somebody to ask how it ended."""
    try:
        state = Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return True

    return state in "ZX"


def descendants_of(number: int) -> list[int]:
    """The processes that it started, and those that they started."""
    try:
        listed = [path.read_text() for path in Path(f"/proc/{number}/task").glob("*/children")]
    except OSError:
        return []

    children = [int(child) for text in listed for child in text.split()]
    return [*children, *(deeper for child in children for deeper in descendants_of(child))]
