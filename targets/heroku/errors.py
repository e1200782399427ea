"""Failures of Heroku: the cause, the next step, and the request's id where there was one.

EdgeFailure
└── HerokuFailure     the platform, or the way to it
    ├── NoToken       there is no token to sign in with
    ├── Refused       an error of the platform, matched by `id` and `resource`, never by its text
    ├── Unanswered    no answer up to the deadline; what was asked may have been done
    ├── BuildFailed   a build ended without a slug
    ├── ReleaseFailed a release command failed, or the release expired; the one before still serves
    └── TooLate       a step of the release pipeline timed out
"""

from deployment.workspace.errors import EdgeFailure

NEXT_STEPS = {
    "unauthorized": "the token is wrong or has expired: `heroku auth:token`, or `heroku "
    "authorizations:create` for CI, "
    "and export it as HEROKU_API_KEY",
    "forbidden": (
        "this account may not do that: ask the app's owner, or use a token with the scope `global`"
    ),
    "two_factor": (
        "this account wants a second factor: use a token made by `heroku authorizations:create`"
    ),
    "suspended": "the account or app is suspended: see https://dashboard.heroku.com",
    "delinquent": "a bill is open: see https://dashboard.heroku.com/account/billing",
    "verification_needed": "Heroku wants a verified card first: https://heroku.com/verify",
    "rate_limit": (
        "the account's requests for this hour are used up: wait some minutes and run the same "
        "command again"
    ),
    "not_found": "it is not there, or this token's account cannot see it",
    "requested_range_not_satisfiable": (
        "the list changed while it was read: run the same command again"
    ),
}


class HerokuFailure(EdgeFailure):
    """The platform, or the way to it; `str()` is the sentence to show."""


class NoToken(HerokuFailure):
    """There is no token to sign in with."""


class Refused(HerokuFailure):
    """The platform answered with an error.

    status: of HTTP; id: Heroku's word for the error; resource: what it is about, where the answer
    says so."""

    def __init__(
        self, what: str, status: int, id: str, resource: str, message: str, request_id: str
    ) -> None:
        self.status, self.id, self.resource, self.request_id = status, id, resource, request_id
        reason = message.strip().rstrip(".") or "no reason given"
        if id in NEXT_STEPS:
            reason = f"{reason}; {NEXT_STEPS[id]}"
        super().__init__(f"Heroku refused {what} ({status} {id}): {reason} (request {request_id})")


class Unanswered(HerokuFailure):
    """No answer that means anything, up to the deadline; what was asked may have been done."""


class BuildFailed(HerokuFailure):
    """A build ended without a slug."""


class ReleaseFailed(HerokuFailure):
    """A release command failed, or the release expired; the release before it still serves."""


class TooLate(HerokuFailure):
    """A step of the release pipeline timed out."""
