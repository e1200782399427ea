"""Config vars. Every change is a release and a restart: all go in one request, and none where none
is due.
"""

from collections.abc import Mapping

from targets.heroku.api.client import Client


def config_vars(client: Client, app: str) -> dict[str, str]:
    """All of an app. While a release command runs these are still the values before it."""
    return dict(client.get(f"/apps/{app}/config-vars"))


def config_vars_at(client: Client, app: str, version: int) -> dict[str, str]:
    """All of an app as they were at a release."""
    return dict(client.get(f"/apps/{app}/releases/{version}/config-vars"))


def difference(now: Mapping[str, str], desired: Mapping[str, str | None]) -> dict[str, str | None]:
    """What has to be sent so that `now` holds what is wanted; None removes. Names that are not
    wanted stay.
    """
    return {name: value for name, value in desired.items() if now.get(name) != value}


def change(client: Client, app: str, desired: Mapping[str, str | None]) -> bool:
    """Send what differs in one request; returns whether anything did. A lost answer is looked for
    first.

    With a release pending the values read are the old ones: `wait.configured` waits for that and
    then calls this."""
    changes = difference(config_vars(client, app), desired)
    if not changes:
        return False

    before, _ = _newest(client, app)

    def look() -> dict[str, str] | None:
        now = config_vars(client, app)
        if not difference(now, changes):
            return now

        # While a release command runs these are the values before it.
        number, pending = _newest(client, app)
        if pending and number > before:
            return now
        return None

    client.patch(f"/apps/{app}/config-vars", changes, look=look)
    return True


def _newest(client: Client, app: str) -> tuple[int, bool]:
    """Number of the newest release, and whether it is pending."""
    releases = client.list_all(f"/apps/{app}/releases", "version ..; max=1, order=desc", pages=1)
    if releases:
        return int(releases[0]["version"]), releases[0]["status"] == "pending"
    return 0, False
