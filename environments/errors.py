"""The exception of this room, which those who use it turn into their own, and a program's cause."""


class EnvironmentFailure(Exception):
    """Packages cannot be read, chosen or installed; the message has cause and next step."""


def last_words(errors: str) -> str:
    """The last line of what a program wrote to standard error, cut where it is long."""
    lines = errors.strip().splitlines()
    return lines[-1][:300] if lines else "it died without a word"
