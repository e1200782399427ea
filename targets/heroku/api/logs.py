"""Logs: recent lines of an app and of Heroku itself."""

import re
import time
from collections import Counter
from collections.abc import Sequence

from targets.heroku.api.client import Client
from targets.heroku.api.streams import lines_of

MOST_LINES = 1500
# An app may write such words too, and a user ask for a path with them: only what Heroku's own lines
# begin with counts.
_CODE = re.compile(
    r"^\S+ heroku\[[^\]]*\]: (?:(?:sock=\w+ )?at=(?:error|warning) code=|Error )([HRL]\d{2})\b"
)


def recent_lines(
    client: Client, app: str, lines: int = 100, source: str = "", dyno: str = ""
) -> list[str]:
    """The last lines, oldest first.

    source: `app` or `heroku`; empty for both
    dyno: such as `web.1`; empty for all
    """
    url = log_session(client, app, lines, tail=False, source=source, dyno=dyno)
    return list(lines_of(url, time.monotonic() + 30.0))


def log_session(
    client: Client, app: str, lines: int = 100, tail: bool = True, source: str = "", dyno: str = ""
) -> str:
    """An address with the lines, and with `tail` also later ones.

    It is a secret and expires in minutes.
    """
    body: dict[str, object] = {"lines": min(lines, MOST_LINES), "tail": tail}
    if source:
        body["source"] = source
    if dyno:
        body["dyno_name"] = dyno

    # Sessions cost nothing and end by themselves: one too many does no harm.
    return str(client.post(f"/apps/{app}/log-sessions", body, look=lambda: None)["logplex_url"])


def error_codes(lines: Sequence[str]) -> dict[str, int]:
    """How often each of Heroku's codes (H12, R14, ...) is in these lines."""
    matches = filter(None, map(_CODE.match, lines))
    return dict(Counter(match[1] for match in matches))
