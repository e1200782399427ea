"""Requests and replies against Heroku's published hyper-schema.

`strictProperties` is Heroku's own keyword: all declared properties, and no others. Replies are held
to both halves; requests to the second only, because official clients leave keys out. The schema's
own faults are passed over: two declarations that its own examples break."""

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
FAULTY = frozenset({("add-on", "actions"), ("domain", "hostname")})


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

    @property
    def status(self) -> int:
        """What a success answers, by `rel`."""
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
    """The hyper-schema. With no file nothing is validated and no endpoint is known by name."""

    def __init__(self, path: Path | None) -> None:
        self.raw = json.loads(path.read_bytes()) if path else None
        definitions = _without_faults(self.raw["definitions"]) if self.raw else {}
        self.links = [
            Link(resource, link, definitions)
            for resource, definition in definitions.items()
            for link in definition.get("links", [])
            if "href" in link and "method" in link
        ]

    def find(self, method: str, path: str) -> list[Link]:
        """The operations at this method and path; a literal path beats one with placeholders."""
        found = [
            link
            for link in self.links
            if link.raw["method"] == method and link.path.fullmatch(path)
        ]
        fewest = min((len(ENDPOINT.findall(link.raw["href"])) for link in found), default=0)
        return [link for link in found if len(ENDPOINT.findall(link.raw["href"])) == fewest]

    def wrong_request(self, links: list[Link], body: Any) -> list[str]:
        """What no operation at this address accepts; empty when one of them does."""
        if all(link.request is None for link in links):
            return []

        return _least(
            [
                _errors(link.request, {} if body is None else body, "request")
                for link in links
                if link.request
            ]
        )

    def wrong_reply(self, links: list[Link], status: int, body: Any) -> list[str]:
        """The same for a successful reply, with its status."""
        found = []
        for link in links:
            allowed = {link.status, 206} if link.status == 200 else {link.status}
            wrong = (
                []
                if status in allowed
                else [f"reply: status {status}, the schema says {link.status}"]
            )
            found.append(wrong + (_errors(link.reply, body, "reply") if link.reply else []))

        return _least(found)


def _errors(validator: Any, body: Any, what: str) -> list[str]:
    return [
        f"{what}: {error.json_path} {error.message}"[:500] for error in validator.iter_errors(body)
    ]


def _least(found: list[list[str]]) -> list[str]:
    return min(found, key=len, default=[])


def _without_faults(definitions: dict[str, Any]) -> dict[str, Any]:
    for resource, name in FAULTY:
        declared = definitions.get(resource, {}).get("definitions", {})
        if name in declared:
            declared[name] = {}
    return definitions
