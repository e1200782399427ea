"""Settings that had another name in the version before: still read, and reported by `lint`."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from rollout.errors import BadSetting

Table = dict[str, Any]

RENAMED: Mapping[str, str] = MappingProxyType(
    {
        "verdict.hotfix": "on_conflict",
        "verdict.wait": "response_time",
        "verdict.latency.beside_ms": "overhead_ms",
        "verdict.latency.apart": "share_tolerance",
        "verdict.response_time.beside_ms": "overhead_ms",
        "verdict.response_time.apart": "share_tolerance",
    }
)
"""The new key by the dotted path of the old one. A section comes before the keys in it."""


@dataclass(frozen=True)
class RenamedSetting:
    """A setting that stands under its old name. old, new: dotted paths, the old one as written."""

    old: str
    new: str


def with_current_names(mapping: Mapping[str, Any]) -> tuple[Table, list[RenamedSetting]]:
    """A parsed deploy.toml in which every setting has its current name, and what was renamed in it.

    Raises BadSetting where a setting stands under both names.
    """
    current = _copied(mapping)
    renamed: list[RenamedSetting] = []
    for path, new in RENAMED.items():
        section, _, old = path.rpartition(".")
        table = _table(current, section)
        if table is None or old not in table:
            continue

        names = RenamedSetting(f"{_as_written(section, renamed)}.{old}", f"{section}.{new}")
        if new in table:
            raise BadSetting(
                f"deploy.toml: '{names.old}' is the old name of '{names.new}', and both are set: "
                f"delete '{names.old}'"
            )

        table[new] = table.pop(old)
        renamed.append(names)

    return current, renamed


def _as_written(section: str, renamed: list[RenamedSetting]) -> str:
    """The path that a section has in the file."""
    for names in renamed:
        if names.new == section:
            return names.old

    return section


def _copied(mapping: Mapping[str, Any]) -> Table:
    return {key: _copied_value(value) for key, value in mapping.items()}


def _copied_value(value: Any) -> Any:
    if isinstance(value, Mapping):
        return _copied(value)
    return value


def _table(mapping: Table, path: str) -> Table | None:
    """The table at a dotted path; None where there is none."""
    table: Any = mapping
    for key in path.split("."):
        if not isinstance(table, dict):
            return None
        table = table.get(key)

    if isinstance(table, dict):
        return table
    return None
