"""The account, its rate limit, log sessions, and the platform's dyno sizes and stacks."""

import secrets
from functools import partial

from emulator.api.call import Call, Reply, Route
from emulator.api.errors import not_found
from emulator.dynos.logs import MOST_LINES, Session
from emulator.model import serializers, sizes
from emulator.model.app import STACKS
from emulator.model.record import Account
from emulator.model.state import SESSIONS, remember


def _serialize(account: Account) -> dict[str, object]:
    return {
        "allow_tracking": False,
        "beta": False,
        "created_at": account.created_at,
        "email": account.email,
        "federated": False,
        "id": account.id,
        "identity_provider": None,
        "last_login": account.created_at,
        "name": None,
        "sms_number": None,
        "suspended_at": None,
        "delinquent_at": None,
        "two_factor_authentication": False,
        "updated_at": account.created_at,
        "verified": True,
        "country_of_residence": None,
        "default_organization": None,
        "default_team": None,
    }


def info(call: Call) -> Reply:
    """The caller's account."""
    return Reply(_serialize(call.account))


def user(call: Call) -> Reply:
    """The caller's account, by `~`, id or email."""
    if call.params[0] not in ("~", call.account.id, call.account.email):
        raise not_found("user")
    return info(call)


def rate_limits(call: Call) -> Reply:
    """The calls that are left; asking for it is free."""
    return Reply({"remaining": call.platform.rate.remaining(call.account.id)})


def dyno_sizes(_: Call) -> Reply:
    """All dyno sizes with their cost a month."""
    return Reply.listing(sizes.serialize, sizes.ALL, ("id", "name"))


def dyno_size(call: Call) -> Reply:
    """One dyno size, by name or id."""
    size = sizes.find(call.params[0])
    if size is None:
        raise not_found("dyno_size")
    return Reply(sizes.serialize(size))


def _stack(name: str, account: Account) -> dict[str, object]:
    times = {"created_at": account.created_at, "updated_at": account.created_at}
    return {
        **serializers.stack_ref(name),
        **times,
        "default": name == "heroku-24",
        "state": "public",
    }


def stacks(call: Call) -> Reply:
    """The stacks that have a Python buildpack."""
    return Reply.listing(partial(_stack, account=call.account), STACKS, ("id", "name"))


def stack(call: Call) -> Reply:
    """One stack, by name."""
    if call.params[0] not in STACKS:
        raise not_found("stack")
    return Reply(_stack(call.params[0], call.account))


def collaborators(call: Call) -> Reply:
    """The owner, who is the only collaborator."""
    app = call.app()
    owner = {
        "app": {"id": app.id, "name": app.name},
        "created_at": app.created_at,
        "id": app.owner.id,
        "permissions": [],
        "role": "owner",
        "updated_at": app.updated_at,
        "user": {"email": app.owner.email, "federated": False, "id": app.owner.id},
    }
    return Reply([owner])


def log_session(call: Call) -> Reply:
    """A short-lived address to read an app's log from. The CLI's older keys are accepted too."""
    app = call.app()
    lines = call.body.get("lines")
    if not isinstance(lines, int) or not 0 < lines <= MOST_LINES:
        lines = 100

    dyno = call.text("dyno_name") or call.text("dyno") or call.text("type")
    session = Session(app.log, lines, bool(call.body.get("tail")), call.text("source"), dyno)

    token = secrets.token_hex(16)
    remember(call.platform.state.sessions, token, (session, call.platform.clock.now()), SESSIONS)
    shown = {"created_at": app.created_at, "id": session.id, "updated_at": app.created_at}
    return Reply({**shown, "logplex_url": f"{call.platform.base}/logplex/{token}"}, 201)


ROUTES: list[Route] = [
    ("GET", "/account", info),
    ("GET", "/account/rate-limits", rate_limits),
    ("GET", "/users/{}", user),
    ("GET", "/dyno-sizes", dyno_sizes),
    ("GET", "/dyno-sizes/{}", dyno_size),
    ("GET", "/stacks", stacks),
    ("GET", "/stacks/{}", stack),
    ("GET", "/apps/{}/collaborators", collaborators),
    ("POST", "/apps/{}/log-sessions", log_session),
]
