"""A file of the state folder that holds one line of text."""

from pathlib import Path

from deployment.workspace.errors import Misconfigured


def read_line(path: Path, remedy: str) -> str | None:
    """The file's line, None where there is no such file.

    remedy: what to do about a damaged file; raises Misconfigured with it
    """
    try:
        text = path.read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        return None
    except UnicodeDecodeError as error:
        raise Misconfigured(
            f"{path} is no text in UTF-8, from byte {error.start} on: {remedy}"
        ) from error
    except OSError as error:
        raise Misconfigured(f"{path} cannot be read ({error.strerror}): {remedy}") from error

    if not text:
        raise Misconfigured(f"{path} is empty: {remedy}")
    if not text.isprintable():
        raise Misconfigured(f"{path} is not one line of text: {remedy}")
    return text
