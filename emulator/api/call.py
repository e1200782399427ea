"""One API call as its handler sees it, and the answer."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from emulator.api.errors import ApiError, invalid, not_found
from emulator.model.state import Account, App
from emulator.platform import Platform


@dataclass
class Call:
    """`params` are the path's variable segments, in order."""

    platform: Platform
    account: Account
    params: tuple[str, ...]
    body: dict[str, Any]
    query: dict[str, str] = field(default_factory=dict)

    @property
    def world(self) -> Any:
        """The platform's state."""
        return self.platform.world

    def app(self, word: str | None = None) -> App:
        """The app that the path (or the word) names; raises ApiError 404, or 403 for somebody
        else's.
        """
        found = self.platform.world.app(self.params[0] if word is None else word)
        if found is None:
            raise not_found("app")
        if found.owner is not self.account:
            raise ApiError(403, "forbidden", f"You do not have access to the app {found.name}.")

        return found

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
    """`keys`: by what a list may be ranged. included: what each thing shows more, by id, where
    inclusions are asked.
    """

    body: Any
    status: int = 200
    keys: tuple[str, ...] = ("id",)
    headers: list[tuple[str, str]] = field(default_factory=list)
    included: dict[str, dict[str, Any]] = field(default_factory=dict)


Handler = Callable[[Call], Reply]
Route = tuple[str, str, Handler]
