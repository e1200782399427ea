"""A Procfile's process types."""

import re

LINE = re.compile(r"(?P<name>[A-Za-z0-9_-]{1,128})\s*:\s*(?P<command>\S.*)")


def process_types(text: str) -> dict[str, str]:
    """Type to command, in the file's order; lines of another form are passed over, as Heroku
    does.
    """
    matches = (LINE.fullmatch(line.strip()) for line in text.splitlines())
    return {match["name"]: match["command"].strip() for match in matches if match}
