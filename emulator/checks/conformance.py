"""Requests and replies against Heroku's published hyper-schema.

`strictProperties` is Heroku's own keyword: all declared properties, and no others. Replies are held
to both halves; requests to the second only, because official clients leave keys out. Two
declarations of the schema that its own examples break are ignored.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from jsonschema import Draft4Validator, FormatChecker, ValidationError, validators

STATUS = {"create": 201, "empty": 202}
ENDPOINT = re.compile(r"\{[^}]*\}")
BROKEN = frozenset({("add-on", "actions"), ("domain", "hostname")})


def _unexpected(on: Any, instance: Any, schema: dict[str, Any]) -> Iterator[ValidationError]:
    if on is True and isinstance(instance, dict):
        patterns = schema.get("patternProperties", {})
        for key in sorted(set(instance) - set(schema.get("properties", {}))):
            if not any(re.search(pattern, key) for pattern in patterns):
                yield ValidationError(f"strictProperties: {key!r} is not expected")


def _strict_request(
    _: Any, on: Any, instance: Any, schema: dict[str, Any]
) -> Iterator[ValidationError]:
    yield from _unexpected(on, instance, schema)


def _strict_reply(
    _: Any, on: Any, instance: Any, schema: dict[str, Any]
) -> Iterator[ValidationError]:
    yield from _unexpected(on, instance, schema)
    if on is True and isinstance(instance, dict):
        for key in sorted(set(schema.get("properties", {})) - set(instance)):
            yield ValidationError(f"strictProperties: {key!r} is missing")


REQUEST = validators.extend(Draft4Validator, {"strictProperties": _strict_request})
REPLY = validators.extend(Draft4Validator, {"strictProperties": _strict_reply})


@dataclass
class Link:
    """One operation of the schema."""

    resource: str
    raw: dict[str, Any]
    definitions: dict[str, Any] = field(repr=False)

    @cached_property
    def path(self) -> re.Pattern[str]:
        """The href with each `{...}` as one segment."""
        parts = ENDPOINT.split(self.raw["href"])
        return re.compile("[^/]+".join(map(re.escape, parts)))

    @cached_property
    def placeholders(self) -> int:
        """How many `{...}` the href has."""
        return len(ENDPOINT.findall(self.raw["href"]))

    def matches(self, method: str, path: str) -> bool:
        """Whether it is the operation at this method and path."""
        return bool(self.raw["method"] == method and self.path.fullmatch(path))

    @property
    def status(self) -> int:
        """The status of a success, by `rel`."""
        return STATUS.get(self.raw.get("rel", ""), 200)

    @cached_property
    def request(self) -> Any:
        """Validates a request's body; None where the schema says nothing."""
        return self._validator(REQUEST, "schema")

    @cached_property
    def reply(self) -> Any:
        """Validates a reply's body; None where the schema says nothing."""
        return self._validator(REPLY, "targetSchema")

    def _validator(self, kind: Any, key: str) -> Any:
        if key not in self.raw:
            return None
        return kind(
            {**self.raw[key], "definitions": self.definitions}, format_checker=FormatChecker()
        )


class Schema:
    """The hyper-schema. Without a file nothing is validated."""

    def __init__(self, path: Path | None) -> None:
        self.raw: Any = None
        self.links: list[Link] = []
        if path:
            self.raw = json.loads(path.read_bytes())
            self.links = list(_links(_without_broken(self.raw["definitions"])))

    def find(self, method: str, path: str) -> list[Link]:
        """The operations at this method and path; a literal path beats one with placeholders."""
        links = [link for link in self.links if link.matches(method, path)]
        fewest = min((link.placeholders for link in links), default=0)
        return [link for link in links if link.placeholders == fewest]

    def wrong_request(self, links: list[Link], body: Any) -> list[str]:
        """Why no operation at this address accepts the request; empty when one of them does."""
        if body is None:
            body = {}

        validators = [link.request for link in links if link.request]
        return _least([_errors(validator, body, "request") for validator in validators])

    def wrong_reply(self, links: list[Link], status: int, body: Any) -> list[str]:
        """The same for a successful reply, with its status."""
        return _least([_reply_errors(link, status, body) for link in links])


def _links(definitions: dict[str, Any]) -> Iterator[Link]:
    for resource, definition in definitions.items():
        for link in definition.get("links", []):
            if "href" in link and "method" in link:
                yield Link(resource, link, definitions)


def _reply_errors(link: Link, status: int, body: Any) -> list[str]:
    errors = []
    partial_list = link.status == 200 and status == 206
    if status != link.status and not partial_list:
        errors.append(f"reply: status {status}, the schema says {link.status}")
    if link.reply:
        errors += _errors(link.reply, body, "reply")

    return errors


def _errors(validator: Any, body: Any, what: str) -> list[str]:
    errors = validator.iter_errors(body)
    return [f"{what}: {error.json_path} {error.message}"[:500] for error in errors]


def _least(alternatives: list[list[str]]) -> list[str]:
    return min(alternatives, key=len, default=[])


def _without_broken(definitions: dict[str, Any]) -> dict[str, Any]:
    for resource, name in BROKEN:
        declared = definitions.get(resource, {}).get("definitions", {})
        if name in declared:
            declared[name] = {}
    return definitions
