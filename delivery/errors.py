"""The exception of delivery. A delivery that fails leaves nothing half-written behind."""

LONGEST_LINE = 300


class DeliveryError(Exception):
    """A version cannot be delivered or verified; the message has the cause and the next step."""


class AnotherScikitLearn(DeliveryError):
    """A pipeline was pickled by another scikit-learn than the one that is installed."""

    def __init__(self, message: str, made_by: str) -> None:
        super().__init__(message)
        self.made_by = made_by


def first_line(error: BaseException) -> str:
    """The kind and the first line of an exception, at most about LONGEST_LINE characters."""
    line, *_ = [*str(error).strip().splitlines(), ""]
    if len(line) > LONGEST_LINE:
        line = f"{_shortened(line)} …"

    return f"{type(error).__name__}: {line}"


def _shortened(line: str) -> str:
    """Cut at the last space within the limit, or where there is none within the word."""
    words = line[: LONGEST_LINE - 1].rpartition(" ")[0]
    return words or line[: LONGEST_LINE - 2]
