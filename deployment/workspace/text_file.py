"""Text files of an operator, with the cause and the next step where one cannot be read."""

from pathlib import Path

from deployment.workspace.errors import Misconfigured


def read_line(path: Path, remedy: str) -> str | None:
    """The file's line, None where there is no such file.

    remedy: what to do about a damaged file; raises Misconfigured with it
    """
    try:
        text = read_text(path, remedy, remedy).strip()
    except FileNotFoundError:
        return None

    if not text:
        raise Misconfigured(f"{path} is empty: {remedy}")
    if not text.isprintable():
        raise Misconfigured(f"{path} is not one line of text: {remedy}")
    return text


def read_text(path: Path, remedy: str, encoding_remedy: str) -> str:
    """The whole file.

    remedy: what to do about a file that cannot be read; encoding_remedy: about one that is no UTF-8
    Raises Misconfigured with it, and FileNotFoundError.
    """
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise
    except UnicodeDecodeError as error:
        raise Misconfigured(
            f"{path} is no text in UTF-8, from byte {error.start} on: {encoding_remedy}"
        ) from error
    except OSError as error:
        raise Misconfigured(f"{path} cannot be read ({error.strerror}): {remedy}") from error
