"""The API's error answers, in Heroku's form: {"id", "message", "resource"?, "app"?}."""

from typing import Any


class ApiError(Exception):
    """An answer that is not a success. `id` is what a client may rely on; the message is not."""

    def __init__(self, status: int, id: str, message: str, **extra: Any) -> None:
        super().__init__(message)
        self.status, self.id, self.message, self.extra = status, id, message, extra

    def body(self) -> dict[str, Any]:
        """The answer's JSON."""
        return {"id": self.id, "message": self.message, **self.extra}


def not_found(resource: str) -> ApiError:
    """404 with the resource that is missing."""
    return ApiError(
        404, "not_found", f"Couldn't find that {resource.replace('_', ' ')}.", resource=resource
    )


def invalid(message: str) -> ApiError:
    """422: the request is understood and not allowed."""
    return ApiError(422, "invalid_params", message)


def unavailable(resource: str) -> ApiError:
    """403, as for a feature that this account does not have."""
    name = resource.replace("-", " ").replace("_", " ")
    return ApiError(
        403,
        "forbidden",
        f"The feature {name!r} is not available for this account.",
        resource=resource,
    )


def not_emulated(message: str) -> ApiError:
    """501, which Heroku never sends: Heroku can do this and the emulator cannot."""
    return ApiError(501, "not_emulated", f"The emulator does not do this: {message}")


NO_ENDPOINT = ApiError(
    404,
    "not_found",
    "The requested API endpoint was not found. Are you using the right HTTP verb (i.e. `GET` vs. "
    "`POST`), and did you specify your intended version with the `Accept` header?",
)
UNAUTHORIZED = ApiError(401, "unauthorized", "Invalid credentials provided.")
NOT_ACCEPTABLE = ApiError(
    406,
    "not_acceptable",
    "The `Accept` header should specify a version: `application/vnd.heroku+json; version=3`.",
)
RATE_LIMITED = ApiError(
    429, "rate_limit", "Your account reached the API rate limit. Please wait a few minutes."
)
