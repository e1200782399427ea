"""The fixed threshold of Argo Rollouts and Flagger: so many failed checks, and the candidate is
rolled back.

After fluxcd/flagger (rolls back once FailedChecks >= threshold; its examples ask for 99 % success
and a p99 below 500 ms) and argoproj/argo-rollouts (an analysis fails once Failed > failureLimit, so
that failureLimit: 3 means the fourth). Failed checks add up; they need not follow one another. The
stable version is not looked at."""

import numpy as np

FLAGGER_FAILURES = 3
ARGO_FAILURES = 4
BAD_REQUESTS = 0.01
"""Flagger's 99 % of successes, as a rate of errors."""
P99_MS = 500.0


def first_failure(values: np.ndarray, limit: float, failures: int = FLAGGER_FAILURES) -> int | None:
    """The minute, counted from 1, whose check is the last one it takes; `values` (minutes,) above
    `limit` have failed.

    The third failed check by default, as Flagger's threshold; Argo's `failureLimit: 3` takes a
    fourth (ARGO_FAILURES)."""
    failed = np.flatnonzero(values > limit)
    return int(failed[failures - 1]) + 1 if len(failed) >= failures else None
