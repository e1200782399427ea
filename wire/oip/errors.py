"""What is wrong with an inference request."""

LONGEST, ENDS = 1_000, 200
"""Characters of a message, which may hold a caller's names; and of its end, the next step."""


class OipError(Exception):
    """The request does not follow the protocol or the columns; the message names the tensor."""

    def __init__(self, message: str) -> None:
        if len(message) > LONGEST:
            message = f"{message[: LONGEST - ENDS]} ... {message[-ENDS:]}"

        super().__init__(message)


class TooLarge(OipError):
    """The request has more rows, tensors or values than are taken at once."""
