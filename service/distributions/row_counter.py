"""Counts rows and their answers in the bins of the bundle's distributions, for who watches drift.

It keeps nothing: the same rows are the same counts, whichever process of the version is asked. What
a row holds never makes a new bin.
"""

from collections.abc import Iterator
from hashlib import blake2b
from typing import Any

import msgspec
import numpy as np

from service.bundle import Manifest
from service.distributions.bins import Distribution
from service.distributions.bundle_distributions import (
    BundleDistributions,
    by_position,
    counted_answers,
)
from service.distributions.countable import countable
from service.rows import Malformed, RowReader
from service.runtimes.outputs import outputs_of
from wire.distributions import GroupCounts, WatchedDistributions

MOST_COLUMNS = 32
"""The first of the signature that are counted; a history of 90 days has room for so many."""
MOST_ANSWERS = 8
"""Values of a row's answer that are counted."""


class RowGroup(msgspec.Struct, frozen=True):
    """Rows as `instances` of /predict has them. answers: of some of them, in any order."""

    instances: msgspec.Raw
    answers: list[Any] = []


class RowGroups(msgspec.Struct, frozen=True):
    """Rows that are counted group by group."""

    groups: list[RowGroup]


class RowCounter:
    """Counts for one version."""

    def __init__(self, manifest: Manifest, distributions: BundleDistributions) -> None:
        self._reader = RowReader(manifest.columns)
        self._groups = msgspec.json.Decoder(RowGroups)
        by_name = {column.name: column for column in manifest.columns}
        counted = distributions.columns[:MOST_COLUMNS]
        self._columns = [by_name[bins.name] for bins in counted]
        answers = _answers(manifest, distributions)
        self._column_bins, self._answer_bins = counted, answers
        bins = msgspec.json.encode([counted, list(answers.values())])
        self.watched = WatchedDistributions(
            id=blake2b(bins, digest_size=4).hexdigest(),
            columns_of=distributions.columns_of,
            columns=list(counted),
            answers=list(answers.values()),
            left_out=len(manifest.columns) - len(counted),
        )

    def count(self, body: bytes) -> list[GroupCounts]:
        """Count a body of RowGroups; raises Malformed."""
        try:
            groups = self._groups.decode(body).groups
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise Malformed(f'the body is not {{"groups": [...]}}: {error}') from error

        return list(map(self._count_group, groups))

    def _count_group(self, group: RowGroup) -> GroupCounts:
        decoded = self._reader.read(b'{"instances":%b}' % bytes(group.instances))
        columns = []
        for column, bins in zip(self._columns, self._column_bins, strict=True):
            counted = bins.counted(countable(column, decoded.columns[column.name]))
            columns.append([*counted.counts, counted.nulls])

        refused = decoded.total - len(decoded.kept)
        return GroupCounts(decoded.total, refused, columns, list(self._count_answers(group)))

    def _count_answers(self, group: RowGroup) -> Iterator[list[int]]:
        positions = by_position(group.answers)
        for position, bins in self._answer_bins.items():
            counted = bins.empty()
            if position < len(positions):
                counted = _counted(bins, counted_answers(positions[position]))

            yield [*counted.counts, counted.nulls]


def _counted(bins: Distribution, values: np.ndarray) -> Distribution:
    """The values in these bins; none where they are of another kind than those."""
    numbers = bool(bins.edges) or isinstance(next(iter(bins.values), None), float)
    if numbers != (values.dtype.kind == "f"):
        return bins.empty()

    return bins.counted(values)


def _answers(manifest: Manifest, distributions: BundleDistributions) -> dict[int, Distribution]:
    """By position in a row's answer, with the name of the class that each is of."""
    first = outputs_of(manifest)[0].name
    positions = distributions.predictions.get(first, [])
    names = [f"{first} {number}" for number in range(len(positions))]
    if len(positions) == 1:
        names = [first]
    elif len(manifest.classes or []) == len(positions):
        names = [f"{first} of {name}" for name in manifest.classes or []]

    counted: dict[int, Distribution] = {}
    for number, bins in enumerate(positions):
        if bins is not None and len(counted) < MOST_ANSWERS:
            counted[number] = msgspec.structs.replace(bins, name=names[number])

    return counted
