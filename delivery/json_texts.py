"""What JSON can hold of a text."""


def is_whole_text(text: str) -> bool:
    """Whether JSON can hold a text; one read with a wrong encoding may have half a character."""
    return text == text.encode("utf-8", "replace").decode()
