"""The traffic split: which version answers a unit. Salted, sticky, monotone.

The hash of a unit falls into one of 10,000 buckets; each bucket belongs to one version. Changing
weights moves only as many buckets as the weights changed by, and never takes one from a version
that gains: raising a canary moves no user out of it. Weights are keyed by version, in whole basis
points (0.01 %), and sum to 10,000."""

from bisect import bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any

from rollout.errors import BadWeight

ALL = 10_000
"""Basis points in all traffic, and the number of buckets."""


@dataclass(frozen=True)
class Slice:
    """Buckets `start` (inclusive) to `end` (exclusive) answered by `version`."""

    start: int
    end: int
    version: str


@dataclass(frozen=True)
class TrafficSplit:
    """An allocation of all buckets to versions.

    salt: separates this rollout's hash from every other's, so that the same users are not always
    first. slices: sorted, gapless, covering 0 to 10,000. shadows: (version, basis points of the
    requests copied to it)."""

    salt: str
    slices: tuple[Slice, ...]
    shadows: tuple[tuple[str, int], ...] = ()
    _starts: tuple[int, ...] = field(init=False, repr=False, compare=False)
    _keyed: Any = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Refuse slices that leave a bucket without an owner or give it two."""
        object.__setattr__(self, "_starts", tuple(piece.start for piece in self.slices))
        object.__setattr__(self, "_keyed", blake2b(digest_size=8, key=_key(self.salt)))
        covered = 0
        for piece in self.slices:
            if piece.start != covered or piece.end <= piece.start:
                raise _not_once(self.slices)
            covered = piece.end

        if covered != ALL:
            raise _not_once(self.slices)

        for version, share in self.shadows:
            _check_share(version, share)

    def bucket(self, unit: bytes) -> int:
        """The bucket (0 to 9,999) of a unit under this split's salt."""
        keyed = self._keyed.copy()
        keyed.update(unit)
        return int.from_bytes(keyed.digest(), "big") * ALL >> 64

    def choose(self, unit: bytes) -> str:
        """The version that answers `unit`."""
        return self.slices[bisect_right(self._starts, self.bucket(unit)) - 1].version

    def weights(self) -> dict[str, int]:
        """Basis points by version; sums to 10,000."""
        totals: dict[str, int] = {}
        for piece in self.slices:
            totals[piece.version] = totals.get(piece.version, 0) + piece.end - piece.start
        return totals

    def weight(self, version: str) -> int:
        """Basis points of one version, 0 where it has none."""
        return self.weights().get(version, 0)

    def reweighted(self, weights: Mapping[str, int]) -> "TrafficSplit":
        """The split with these weights, moving as few buckets as possible; raises BadWeight."""
        check_weights(weights)
        owners = _owners(self.slices)
        surplus: dict[str, int] = {}
        for version, weight in self.weights().items():
            surplus[version] = weight - weights.get(version, 0)

        freed: list[int] = []
        for bucket in _giving_order(owners, weights):
            version = owners[bucket]
            if surplus[version] > 0:
                surplus[version] -= 1
                freed.append(bucket)

        self._hand_over(owners, sorted(freed), weights)
        return TrafficSplit(self.salt, _slices(owners), self.shadows)

    def _hand_over(self, owners: list[str], freed: list[int], weights: Mapping[str, int]) -> None:
        held = self.weights()
        start = 0
        for version, weight in sorted(weights.items()):
            gain = max(0, weight - held.get(version, 0))
            for bucket in freed[start : start + gain]:
                owners[bucket] = version
            start += gain

    def shadowed(self, shadows: Mapping[str, int]) -> "TrafficSplit":
        """The same allocation with these shadows."""
        return TrafficSplit(self.salt, self.slices, tuple(shadows.items()))


def all_to(version: str, salt: str) -> TrafficSplit:
    """Every bucket to one version."""
    return TrafficSplit(salt, (Slice(0, ALL, version),))


def keyed(split: TrafficSplit, secret: bytes) -> TrafficSplit:
    """The same allocation under a salt that only those who have the secret can make.

    A rollout's salt is its name, which anybody can guess, and whoever can work out which version a
    unit gets can send each version the requests of their choice. Raising a weight moves no unit out
    of its version under this salt either."""
    salt = blake2b(split.salt.encode(), key=secret[:64], digest_size=16).hexdigest()
    return TrafficSplit(salt, split.slices, split.shadows)


def basis_points(percent: float) -> int:
    """Whole basis points of a percentage; raises BadWeight for NaN, outside 0 to 100, or finer than
    0.01 %.
    """
    if not 0 <= percent <= 100:
        raise BadWeight(f"a weight is a percentage from 0 to 100, not {percent}")

    points = round(percent * 100)
    if abs(points - percent * 100) > 1e-6:
        raise BadWeight(f"a weight is a multiple of 0.01 %, not {percent}")

    return points


def check_weights(weights: Mapping[str, int]) -> None:
    """Raise BadWeight unless every weight is a share and together they are all traffic."""
    for version, weight in weights.items():
        _check_share(version, weight)
    if sum(weights.values()) != ALL:
        shown = ", ".join(f"{version} {weight / 100:g} %" for version, weight in weights.items())
        raise BadWeight(f"the weights must sum to 100 %: {shown}")


def _check_share(version: str, share: int) -> None:
    if type(share) is not int or not 0 <= share <= ALL:
        raise BadWeight(
            f"the weight of {version} is {share}: whole basis points from 0 to 10,000 are allowed"
        )


def _key(salt: str) -> bytes:
    # blake2b takes a key of at most 64 bytes. A longer salt counts by its digest: cut off, it would
    # lose the rollout.
    whole = salt.encode()
    if len(whole) <= blake2b.MAX_KEY_SIZE:
        return whole
    return blake2b(whole).digest()


def _not_once(slices: Iterable[Slice]) -> BadWeight:
    return BadWeight(f"the split does not cover all traffic exactly once: {slices}")


def _owners(slices: Iterable[Slice]) -> list[str]:
    """The version of each bucket."""
    owners: list[str] = []
    for piece in slices:
        owners += [piece.version] * (piece.end - piece.start)

    return owners


def _giving_order(owners: list[str], weights: Mapping[str, int]) -> Iterable[int]:
    # The owner of bucket 0 gives from its high end, everybody else from the low end: what a canary
    # took last it gives back first, and raising it again returns the same users.
    if weights.get(owners[0], 0) == 0:
        return range(ALL)

    high: list[int] = []
    low: list[int] = []
    for bucket, owner in enumerate(owners):
        side = high if owner == owners[0] else low
        side.append(bucket)

    return [*reversed(high), *low]


def _slices(owners: list[str]) -> tuple[Slice, ...]:
    pieces: list[Slice] = []
    start = 0
    for bucket in range(1, ALL + 1):
        if bucket == ALL or owners[bucket] != owners[start]:
            pieces.append(Slice(start, bucket, owners[start]))
            start = bucket

    return tuple(pieces)
