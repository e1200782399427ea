"""The laws of the split: everybody has one version, keeps it, and changes it only towards one that
gains.
"""

import math
from collections.abc import Mapping
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollout.errors import BadWeight
from rollout.state.split import ALL, Slice, TrafficSplit, all_to, basis_points, check_weights
from tests.rollout.ledger_commands import quick

NETWORK = [f"10.0.0.{n}".encode() for n in range(1, 251)]
NUMBERS = [str(n).encode() for n in range(1, 1001)]
HALVES = {"v1": 5000, "v2": 5000}


@st.composite
def weights(draw: st.DrawFn) -> dict[str, int]:
    """Three versions, any of them perhaps without a share, in any order."""
    cuts = sorted(draw(st.lists(st.integers(0, ALL), min_size=2, max_size=2)))
    shares = [after - before for before, after in pairwise([0, *cuts, ALL])]
    return dict(zip(draw(st.permutations(["v1", "v2", "v3"])), shares, strict=True))


histories = st.lists(weights(), min_size=2, max_size=3)


def splits(history: list[dict[str, int]]) -> list[TrafficSplit]:
    """The splits of one rollout as its weights change."""
    made = [all_to("v1", "flights:canary:v2:7")]
    for each in history:
        made.append(made[-1].reweighted(each))
    return made


def owners(split: TrafficSplit) -> list[str]:
    """The version of every bucket."""
    return [piece.version for piece in split.slices for _ in range(piece.start, piece.end)]


def buckets(split: TrafficSplit, version: str) -> set[int]:
    """The buckets of one version."""
    return {
        n
        for piece in split.slices
        if piece.version == version
        for n in range(piece.start, piece.end)
    }


def share(split: TrafficSplit, units: list[bytes], version: str) -> float:
    """The part of these units that a version answers."""
    return sum(split.choose(unit) == version for unit in units) / len(units)


def without_none(shares: Mapping[str, int]) -> dict[str, int]:
    """The shares above 0."""
    return {version: weight for version, weight in shares.items() if weight}


@quick
@given(histories)
def test_every_bucket_has_one_owner_and_the_weights_are_those_asked_for(
    history: list[dict[str, int]],
) -> None:
    for split, asked in zip(splits(history)[1:], history, strict=True):
        assert [piece.start for piece in split.slices] == [
            0,
            *(piece.end for piece in split.slices[:-1]),
        ]
        assert split.slices[-1].end == ALL
        assert split.weights() == without_none(asked)
        assert sum(split.weights().values()) == ALL
        assert [split.weight(version) for version in asked] == list(asked.values())


@quick
@given(histories)
def test_no_bucket_leaves_a_version_that_gains_and_none_moves_needlessly(
    history: list[dict[str, int]],
) -> None:
    for before, after in pairwise(splits(history)):
        gains = {v: after.weight(v) - before.weight(v) for v in ("v1", "v2", "v3")}
        moved = [
            (old, new) for old, new in zip(owners(before), owners(after), strict=True) if old != new
        ]
        assert all(gains[old] < 0 < gains[new] for old, new in moved)
        assert len(moved) == sum(gain for gain in gains.values() if gain > 0)


@quick
@given(st.lists(st.integers(0, ALL), min_size=3, max_size=3), st.binary(max_size=40))
def test_a_unit_that_met_the_candidate_keeps_it_while_the_weight_grows(
    shares: list[int], unit: bytes
) -> None:
    grown = [{"v1": ALL - weight, "v2": weight} for weight in sorted(shares)]
    met = [split.choose(unit) == "v2" for split in splits(grown)]
    assert met == sorted(met)


@quick
@given(st.integers(1, ALL - 1), st.integers(0, ALL - 1))
def test_to_lower_a_candidate_and_raise_it_again_returns_the_same_units(
    high: int, low: int
) -> None:
    raised, lowered = (
        {"v1": ALL - high, "v2": high},
        {"v1": ALL - min(high, low), "v2": min(high, low)},
    )
    _, first, between, again = splits([raised, lowered, raised])
    assert buckets(between, "v2") <= buckets(first, "v2")
    assert again == first


def test_to_lower_one_of_two_candidates_and_raise_it_again_returns_the_same_units() -> None:
    three = {"v1": 7000, "v2": 2000, "v3": 1000}
    for lowered in ({"v1": 8500, "v2": 500, "v3": 1000}, {"v1": 8000, "v2": 2000}):
        _, first, _, again = splits([three, lowered, three])
        assert again == first


@quick
@given(weights(), st.data())
def test_weights_belong_to_versions_and_never_to_places(
    asked: dict[str, int], data: st.DataObject
) -> None:
    in_another_order = dict(data.draw(st.permutations(list(asked.items()))))
    before = splits([{"v1": 2000, "v2": 3000, "v3": 5000}])[-1]
    assert before.reweighted(in_another_order) == before.reweighted(asked)


@quick
@given(weights())
def test_to_ask_for_the_same_weights_again_changes_nothing(asked: dict[str, int]) -> None:
    _, once, twice = splits([asked, asked])
    assert twice == once


@quick
@given(weights(), st.binary(max_size=40))
def test_a_unit_is_answered_by_the_owner_of_its_bucket_each_time(
    asked: dict[str, int], unit: bytes
) -> None:
    split = splits([asked])[-1]
    again = TrafficSplit(split.salt, split.slices)
    assert 0 <= split.bucket(unit) < ALL
    assert split.choose(unit) == again.choose(unit) == owners(split)[split.bucket(unit)]


def test_a_version_leaves_while_the_others_keep_their_units() -> None:
    _, before, after = splits([{"v1": 5000, "v2": 3000, "v3": 2000}, {"v1": 7000, "v2": 3000}])
    assert buckets(after, "v2") == buckets(before, "v2")
    assert buckets(after, "v3") == set()


def test_a_unit_keeps_its_bucket_for_good() -> None:
    split = all_to("v1", "flights:v1")
    assert [split.bucket(unit) for unit in (b"", b"1", b"10.0.0.1", "Zoë".encode())] == [
        5007,
        8701,
        685,
        4574,
    ]


@pytest.mark.parametrize(
    "units", [NETWORK, NUMBERS], ids=["addresses of a network", "numbers in a row"]
)
@pytest.mark.parametrize(
    "salt", ["flights:canary:v2:7", "flights:canary:v2:8", "weather:ab:v3:2", ""]
)
@pytest.mark.parametrize("weight", [1000, 5000, 9900])
def test_plain_keys_are_shared_out_as_chance_would(
    units: list[bytes], salt: str, weight: int
) -> None:
    split = all_to("v1", salt).reweighted({"v1": weight, "v2": ALL - weight})
    expected = weight / ALL
    deviation = math.sqrt(expected * (1 - expected) / len(units))
    assert abs(share(split, units, "v1") - expected) <= 4 * deviation


LONG = "a-model-whose-name-is-as-long-as-a-name-may-be-64-characters-now"


@pytest.mark.parametrize("model", ["flights", LONG])
def test_two_rollouts_choose_different_users_first(model: str) -> None:
    one, other = (
        all_to("v1", f"{model}:canary:v2:{revision}").reweighted({"v1": 9000, "v2": 1000})
        for revision in (7, 8)
    )
    chosen = [unit for unit in NUMBERS if one.choose(unit) == "v2"]
    assert share(one, NUMBERS, "v2") > 0.05
    assert share(other, chosen, "v2") < 0.3


def test_with_one_version_everybody_has_it() -> None:
    split = all_to("v1", "flights:v1")
    assert split.slices == (Slice(0, ALL, "v1"),)
    assert {split.choose(unit) for unit in NETWORK} == {"v1"}
    assert split.weight("v2") == 0


@pytest.mark.parametrize(
    "slices",
    [
        (),
        (Slice(0, 9999, "v1"),),
        (Slice(1, ALL, "v1"),),
        (Slice(0, ALL + 1, "v1"),),
        (Slice(0, 4000, "v1"), Slice(5000, ALL, "v2")),
        (Slice(0, 6000, "v1"), Slice(5000, ALL, "v2")),
        (Slice(5000, ALL, "v1"), Slice(0, 5000, "v2")),
        (Slice(0, 5000, "v1"), Slice(5000, 5000, "v2"), Slice(5000, ALL, "v1")),
        (Slice(0, ALL, "v1"), Slice(ALL, 5000, "v2"), Slice(5000, ALL, "v1")),
    ],
    ids=[
        "none",
        "short",
        "late",
        "long",
        "a hole",
        "an overlap",
        "unsorted",
        "an empty one",
        "one that runs backwards",
    ],
)
def test_slices_that_do_not_cover_all_traffic_once_are_refused(slices: tuple[Slice, ...]) -> None:
    with pytest.raises(BadWeight, match="does not cover all traffic exactly once"):
        TrafficSplit("flights:v1", slices)


@pytest.mark.parametrize("weight", [-1, ALL + 1, 0.5, 5000.0, "5000", None, True, math.nan])
def test_a_weight_that_is_no_whole_share_is_refused_by_its_version(weight: object) -> None:
    message = f"the weight of v2 is {weight}: whole basis points from 0 to 10,000"
    split = all_to("v1", "flights:v1")
    with pytest.raises(BadWeight, match=message):
        split.shadowed({"v2": weight})  # type: ignore[dict-item]

    with pytest.raises(BadWeight, match=message):
        split.reweighted({"v1": 5000, "v2": weight})  # type: ignore[dict-item]


@pytest.mark.parametrize("asked", [{}, {"v1": 9999}, {"v1": 5000, "v2": 5001}, {"v1": 0}])
def test_weights_that_are_not_all_traffic_together_are_refused(asked: dict[str, int]) -> None:
    split = all_to("v1", "flights:v1")
    with pytest.raises(BadWeight, match="must sum to 100 %"):
        split.reweighted(asked)

    with pytest.raises(BadWeight, match="must sum to 100 %"):
        check_weights(asked)

    assert split == all_to("v1", "flights:v1")


def test_shadows_get_copies_and_no_users() -> None:
    plain = all_to("v1", "flights:v1")
    split = plain.shadowed({"v2": 2500, "v3": ALL})
    assert split.shadows == (("v2", 2500), ("v3", ALL))
    assert split.weights() == plain.weights()
    assert split.shadowed({}) == plain


def test_shadows_stay_when_the_weights_change() -> None:
    split = all_to("v1", "flights:v1").shadowed({"v3": 100}).reweighted(HALVES)
    assert split.shadows == (("v3", 100),)


@pytest.mark.parametrize(
    ("percent", "points"),
    [(0, 0), (0.01, 1), (0.29, 29), (5, 500), (33.33, 3333), (99.99, 9999), (100, ALL)],
)
def test_a_percentage_is_whole_basis_points(percent: float, points: int) -> None:
    assert basis_points(percent) == points


def test_every_hundredth_of_a_percent_is_read_exactly() -> None:
    assert [basis_points(float(f"{n // 100}.{n % 100:02}")) for n in range(ALL + 1)] == list(
        range(ALL + 1)
    )


@pytest.mark.parametrize("percent", [math.nan, math.inf, -math.inf, -0.01, -5, 100.01, 1e300])
def test_what_is_no_percentage_is_refused(percent: float) -> None:
    with pytest.raises(BadWeight, match=f"from 0 to 100, not {percent}".replace("+", r"\+")):
        basis_points(percent)


@pytest.mark.parametrize("percent", [0.001, 0.015, 33.333, 99.999])
def test_a_percentage_finer_than_a_basis_point_is_refused(percent: float) -> None:
    with pytest.raises(BadWeight, match=f"a multiple of 0.01 %, not {percent}"):
        basis_points(percent)
