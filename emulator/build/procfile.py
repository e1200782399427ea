"""A Procfile's process types."""

import re

LINE = re.compile(r"(?P<name>[A-Za-z0-9_-]{1,128})\s*:\s*(?P<command>\S.*)")


def process_types(text: str) -> dict[str, str]:
    """Type to command, in the file's order; lines of another form are ignored, as Heroku does."""
    types = {}
    for line in text.splitlines():
        if match := LINE.fullmatch(line.strip()):
            types[match["name"]] = match["command"].strip()

    return types
