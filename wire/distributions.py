"""What a version tells of its distributions, and of rows that it counted in them.

Its service writes it, and the router, which watches drift, reads it.
"""

from typing import Annotated

import msgspec

Count = Annotated[int, msgspec.Meta(ge=0, le=2**53)]
"""How many; what is read of another process may hold any number."""


class Bins(msgspec.Struct, frozen=True, omit_defaults=True):
    """How many values of one name are in each bin.

    unit: what a number means: `moment` (seconds since 1970), `seconds`, `characters`, `bytes`,
    `items`; empty for a plain number.
    edges: of numbers, ascending; the last bin has its upper edge too.
    values: of texts, and of numbers that are few.
    counts: a bin each; with edges the first and last ones are below and above all edges, with
    values the last one is of all others.
    """

    name: str
    unit: str = ""
    edges: list[float] = []
    values: list[str | float] = []
    counts: list[Count] = []
    nulls: Count = 0


class WatchedDistributions(msgspec.Struct, frozen=True):
    """What is counted of a version.

    id: changes with any bin. columns_of: `training`, or `held-out` where the delivery had no
    training rows. answers: of the first output, one for each value of a row's answer. left_out:
    columns that are not counted.
    """

    id: Annotated[str, msgspec.Meta(max_length=64)]
    columns_of: str
    columns: list[Bins]
    answers: list[Bins]
    left_out: Count


class GroupCounts(msgspec.Struct, frozen=True):
    """Counts of a group, in the order of WatchedDistributions; the nulls are each one's last.

    refused: rows that do not fit the columns, which are counted nowhere else.
    """

    rows: Count
    refused: Count
    columns: list[list[Count]]
    answers: list[list[Count]]
