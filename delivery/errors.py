"""Why a version is not delivered. Nothing half-written is left behind."""


class DeliveryError(Exception):
    """A version cannot be delivered or verified; the message has the cause and the next step."""


def first_line(error: BaseException) -> str:
    """An exception of somebody else's code in one line of at most 300 characters: its kind and what it says first."""
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0][:300] if lines else ''}"
