"""The areas of the router, and which role each needs. A route in no area is the operators'."""

from enum import StrEnum

from router.access.callers import Role


class Area(StrEnum):
    """PUBLIC: predictions, labels, health, the protocol, and the sign-in. ROWS: users' rows and
    what their ids say. ACTS: what changes the rollout.
    """

    PUBLIC = "public"
    PAGE = "page"
    STATUS = "status"
    METRICS = "metrics"
    DOCS = "docs"
    ROWS = "rows"
    ACTS = "acts"


NEEDED = {
    Area.PUBLIC: Role.STRANGER,
    Area.PAGE: Role.LOCAL,
    Area.STATUS: Role.LOCAL,
    Area.METRICS: Role.LOCAL,
    Area.DOCS: Role.LOCAL,
    Area.ROWS: Role.VIEWER,
    Area.ACTS: Role.OPERATOR,
}

# Flask's rules. Plain ASGI endpoints name their area where they are routed (router/app.py).
_OF_RULE = {
    "/docs": Area.DOCS,
    "/openapi.json": Area.DOCS,
    "/ping": Area.PUBLIC,
    "/health": Area.PUBLIC,
    "/version": Area.PUBLIC,
    "/v2": Area.PUBLIC,
    "/v2/health/live": Area.PUBLIC,
    "/v2/health/ready": Area.PUBLIC,
    "/v2/repository/index": Area.PUBLIC,
    "/v2/models/<model>/stats": Area.STATUS,
    "/v2/models/<model>/versions/<version>/stats": Area.STATUS,
    "/metrics": Area.METRICS,
    "/status": Area.STATUS,
    "/whoserved/<token>": Area.ROWS,
}


def area_of(rule: str) -> Area:
    """The area of a rule of Flask; one that nobody has put into an area is closed."""
    return _OF_RULE.get(rule, Area.ACTS)
