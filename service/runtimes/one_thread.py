"""Makes a pipeline predict on the thread that calls it: the batches are the parallelism."""

from collections.abc import Collection
from typing import Any

# Longer lists hold data and no estimators.
LONGEST_LIST = 20_000


def run_on_one_thread(pipeline: Any) -> None:
    """Set n_jobs to 1 in every estimator of the pipeline, fitted ones too.

    Threads for a few rows cost more than the rows, and would fight those of the other batches.
    """
    waiting: list[Any] = [pipeline]
    seen: set[int] = set()
    while waiting:
        part = waiting.pop()
        if id(part) in seen:
            continue

        seen.add(id(part))
        if _is_estimator(part):
            if vars(part).get("n_jobs") is not None:
                part.n_jobs = 1

            part = list(vars(part).values())

        waiting += filter(_may_hold, _values(part))


def _values(part: Any) -> Collection[Any]:
    """What a list or dictionary holds; nothing of anything else, such as a model of one's own."""
    if not isinstance(part, list | tuple | dict):
        return ()

    values: Collection[Any] = part
    if isinstance(part, dict):
        values = part.values()

    if len(values) > LONGEST_LIST:
        return ()

    return values


def _may_hold(value: Any) -> bool:
    return isinstance(value, list | tuple | dict) or _is_estimator(value)


def _is_estimator(value: Any) -> bool:
    return hasattr(value, "get_params") and hasattr(value, "__dict__") and not _is_class(value)


def _is_class(value: Any) -> bool:
    return isinstance(value, type)
