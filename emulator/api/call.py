"""One API call as its handler gets it, and the handler's reply."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from emulator.api.errors import ApiError, invalid, not_found
from emulator.model.app import App
from emulator.model.record import Account
from emulator.model.state import State
from emulator.platform import Platform

T = TypeVar("T")


@dataclass
class Call:
    """An authorized call. params: the path's variable segments, in order."""

    platform: Platform
    account: Account
    params: tuple[str, ...]
    body: dict[str, Any]
    query: dict[str, str] = field(default_factory=dict)

    @property
    def state(self) -> State:
        """The platform's state."""
        return self.platform.state

    def app(self, word: str | None = None) -> App:
        """The app that the path (or the word) names; raises ApiError 404, or 403 for another
        account's.
        """
        app = self.state.app(self.params[0] if word is None else word)
        if app is None:
            raise not_found("app")
        if app.owner is not self.account:
            raise ApiError(403, "forbidden", f"You do not have access to the app {app.name}.")

        return app

    def text(self, key: str, default: str = "") -> str:
        """A string of the body; raises ApiError 422 for another type."""
        value = self.body.get(key)
        if value is None:
            return default
        if not isinstance(value, str):
            raise invalid(f"{key} must be a string")

        return value

    def part(self, key: str) -> dict[str, Any]:
        """An object of the body, empty when absent; raises ApiError 422 for another type."""
        value = self.body.get(key)
        if value is not None and not isinstance(value, dict):
            raise invalid(f"{key} must be an object")
        return value or {}


@dataclass
class Reply:
    """The answer to a call.

    keys: those by which a list may be ranged. included: what the items of a list show more, by id,
    where the client wants inclusions.
    """

    body: Any
    status: int = 200
    keys: tuple[str, ...] = ("id",)
    headers: list[tuple[str, str]] = field(default_factory=list)
    included: dict[str, dict[str, Any]] = field(default_factory=dict)

    @classmethod
    def listing(
        cls,
        serialize: Callable[[T], dict[str, Any]],
        items: Iterable[T],
        keys: tuple[str, ...] = ("id",),
    ) -> "Reply":
        """A list of resources."""
        return cls(list(map(serialize, items)), keys=keys)


Handler = Callable[[Call], Reply]
Route = tuple[str, str, Handler]
