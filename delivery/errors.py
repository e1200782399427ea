"""Why a version is not delivered. Nothing half-written is left behind."""


class DeliveryError(Exception):
    """A version cannot be delivered or verified; the message has the cause and the next step."""


def first_line(error: BaseException) -> str:
    """An exception of somebody else's code in one line of at most 300 characters: its kind and what
    it says first.
    """
    line = (str(error).strip().splitlines() or [""])[0]
    if len(line) > 300:
        line = f"{line[:299].rpartition(' ')[0] or line[:298]} …"
    return f"{type(error).__name__}: {line}"
