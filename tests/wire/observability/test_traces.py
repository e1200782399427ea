"""Which requests have spans is decided by chance, and by one comparison for most of them."""

from itertools import pairwise

from wire.observability.traces import Chance


def test_by_chance_each_request_is_as_likely_as_any_other() -> None:
    chance = Chance(0.2)
    hits = [chance.hits() for _ in range(20_000)]
    after_a_hit = [later for hit, later in pairwise(hits) if hit]
    assert 0.17 < sum(hits) / len(hits) < 0.23
    assert 0.14 < sum(after_a_hit) / len(after_a_hit) < 0.26


def test_none_and_all_are_shares_too() -> None:
    assert not any(map(Chance.hits, [Chance(0.0)] * 1_000))
    assert all(map(Chance.hits, [Chance(1.0)] * 1_000))
