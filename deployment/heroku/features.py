"""Features of an app that are switched: preboot."""

from deployment.heroku.client import Client
from deployment.heroku.sizes import has_preboot

PREBOOT = "preboot"


def preboot(client: Client, app: str) -> bool:
    """Whether new dynos start before the old ones stop."""
    found = client.found(f"/apps/{app}/features/{PREBOOT}")
    return bool(found and found["enabled"])


def set_preboot(client: Client, app: str, size: str) -> bool:
    """Switch preboot on where the dyno size has it; returns whether it is on. Restarts nothing."""
    if not has_preboot(size):
        return False
    if not preboot(client, app):
        client.patch(f"/apps/{app}/features/{PREBOOT}", {"enabled": True})
    return True
