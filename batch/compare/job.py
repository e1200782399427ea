"""What a comparison is asked to do."""

import msgspec


class ComparedVersion(msgspec.Struct, frozen=True):
    """A version whose predictions are done. predictions: the folder of its run, in Parquet."""

    name: str
    bundle: str
    predictions: str


class ComparisonJob(msgspec.Struct, frozen=True, kw_only=True):
    """The request, as `deploy.py predict --compare` sends it.

    today, tomorrow: the version that is compared with, and the candidate. keep: columns to copy
    beside the differences. tolerance: how far two numbers may be apart and count as equal, by
    service/comparison.py's rule. by_largest: the largest number of a list names the class.
    output_format: None: as the input's.
    """

    public_key: str
    out: str
    today: ComparedVersion
    tomorrow: ComparedVersion
    keep: list[str] = []
    tolerance: float
    by_largest: bool
    output_format: str | None = None
