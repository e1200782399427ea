"""Texts that are not UTF-8 although they look like rows."""

from batch.errors import BatchError

UTF8_MARK = b"\xef\xbb\xbf"
"""Begins texts of some programs for Windows, and stands for nothing."""
_UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")


def require_no_utf16(first: bytes, path: str) -> None:
    """Raise BatchError where a file begins as UTF-16 does. first: its first bytes."""
    if first.startswith(_UTF16_MARKS) or b"\0" in first[:4]:
        raise BatchError(
            f"{path} is UTF-16, and not UTF-8: save it as UTF-8 (`iconv -f UTF-16 -t UTF-8`)"
        )
