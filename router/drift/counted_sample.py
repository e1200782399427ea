"""What versions tell of their distributions and of a sample that they counted, checked."""

import msgspec

from rollout.drift.training_reference import TrainingReference, reference_of
from router.dispatch.upstream import Answer, Failure
from wire.distributions import GroupCounts, WatchedDistributions

LARGEST_ANSWER = 1_048_576


class Uncounted(Exception):
    """A version told no distributions or counts; the message says why.

    is_fault: it answered, and that cannot be read."""

    def __init__(self, message: str, is_fault: bool = True) -> None:
        self.is_fault = is_fault
        super().__init__(message)


def answered(outcome: Answer | Failure) -> bytes:
    """The body of a good answer; raises Uncounted."""
    if isinstance(outcome, Failure):
        raise Uncounted(outcome.detail or outcome.reason, is_fault=False)
    if outcome.status != 200:
        raise Uncounted(f"it answered {outcome.status}")
    if len(outcome.body) > LARGEST_ANSWER:
        size = len(outcome.body)
        raise Uncounted(f"it answered {size} bytes, and {LARGEST_ANSWER} are read")

    return outcome.body


def trained_reference(body: bytes) -> TrainingReference:
    """The distributions of a version's training; raises Uncounted."""
    try:
        given = msgspec.json.decode(body, type=WatchedDistributions)
        return reference_of(msgspec.to_builtins(given))
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        raise Uncounted(f"its distributions cannot be read: {error}") from error


def counted_groups(body: bytes, reference: TrainingReference, groups: int) -> list[GroupCounts]:
    """The counts of so many groups, in the bins of a reference; raises Uncounted."""
    try:
        counted = msgspec.json.decode(body, type=list[GroupCounts])
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        raise Uncounted(f"its counts cannot be read: {error}") from error

    sizes = [[len(bins.counts) for bins in kind] for kind in (reference.columns, reference.answers)]
    for counts in counted:
        if [list(map(len, kind)) for kind in (counts.columns, counts.answers)] != sizes:
            raise Uncounted("its counts are in other bins than its distributions")
    if len(counted) != groups:
        raise Uncounted(f"it counted {len(counted)} groups of {groups}")

    return counted
