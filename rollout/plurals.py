"""Numbers with their nouns."""


def counted(number: int, noun: str, plural: str = "") -> str:
    """`1 request`, `0 requests`, `2,000 requests`."""
    return f"{number:,} {noun if number == 1 else plural or f'{noun}s'}"
