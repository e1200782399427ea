"""What a program that an export runs says of its end."""


def last_words(errors: str) -> str:
    """The last line of its errors, cut where it is long."""
    lines = errors.strip().splitlines()
    return lines[-1][:300] if lines else "it died without a word"
