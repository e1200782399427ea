"""A deploy.toml with the names of the version before is read as one with the current names."""

import re
from typing import Any

import pytest

from rollout.errors import BadSetting
from rollout.renamed_settings import RENAMED, RenamedSetting, with_current_names
from rollout.settings import from_mapping, paths

OLD: dict[str, Any] = {
    "hotfix": "queue",
    "latency": {"beside_ms": 1.0, "apart": 0.1},
    "wait": {"action": "hold", "beside_ms": 3.0, "apart": 0.2},
}
CURRENT: dict[str, Any] = {
    "on_conflict": "queue",
    "latency": {"overhead_ms": 1.0, "share_tolerance": 0.1},
    "response_time": {"action": "hold", "overhead_ms": 3.0, "share_tolerance": 0.2},
}


def test_old_names_are_read_as_the_current_ones() -> None:
    assert from_mapping({"verdict": OLD}) == from_mapping({"verdict": CURRENT})


def test_every_old_name_is_reported_as_it_is_written_with_the_current_one() -> None:
    current, renamed = with_current_names({"model": "m", "verdict": OLD})
    assert current == {"model": "m", "verdict": CURRENT}
    assert renamed == [
        RenamedSetting("verdict.hotfix", "verdict.on_conflict"),
        RenamedSetting("verdict.wait", "verdict.response_time"),
        RenamedSetting("verdict.latency.beside_ms", "verdict.latency.overhead_ms"),
        RenamedSetting("verdict.latency.apart", "verdict.latency.share_tolerance"),
        RenamedSetting("verdict.wait.beside_ms", "verdict.response_time.overhead_ms"),
        RenamedSetting("verdict.wait.apart", "verdict.response_time.share_tolerance"),
    ]


def test_the_mapping_that_was_handed_in_stays_as_it_is() -> None:
    mapping = {"verdict": {"wait": {"apart": 0.2}}}
    with_current_names(mapping)
    assert mapping == {"verdict": {"wait": {"apart": 0.2}}}


@pytest.mark.parametrize("verdict", [CURRENT, {}, 1, {"latency": 1}])
def test_nothing_is_reported_where_no_old_name_stands(verdict: object) -> None:
    assert with_current_names({"verdict": verdict}) == ({"verdict": verdict}, [])


@pytest.mark.parametrize(
    ("verdict", "old", "new"),
    [
        (
            {"hotfix": "queue", "on_conflict": "queue"},
            "verdict.hotfix",
            "verdict.on_conflict",
        ),
        ({"wait": {}, "response_time": {}}, "verdict.wait", "verdict.response_time"),
        (
            {"latency": {"apart": 0.1, "share_tolerance": 0.1}},
            "verdict.latency.apart",
            "verdict.latency.share_tolerance",
        ),
        (
            {"wait": {"beside_ms": 1.0, "overhead_ms": 1.0}},
            "verdict.wait.beside_ms",
            "verdict.response_time.overhead_ms",
        ),
    ],
)
def test_a_setting_under_both_names_is_refused_by_both(
    verdict: dict[str, Any], old: str, new: str
) -> None:
    said = f"'{old}' is the old name of '{new}', and both are set: delete '{old}'"
    with pytest.raises(BadSetting, match=re.escape(said)):
        from_mapping({"verdict": verdict})


def test_every_current_name_is_a_setting_and_no_old_one_is() -> None:
    known = set(paths()) | {path.rpartition(".")[0] for path in paths()}
    for old, new in RENAMED.items():
        assert old not in known
        assert f"{old.rpartition('.')[0]}.{new}" in known
