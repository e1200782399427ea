"""Whether a run keeps the limits: pass, fail, or invalid where the generator itself was too slow.
Pure.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import isnan

from load.measurement import NO_VERSION, Measurement, VersionLoad

PASS, FAIL, INVALID = "pass", "fail", "invalid"
FEWEST = 100
"""Requests of a version from which on the limits are held against it alone."""
MOST_BUSY = 0.95
LEAST_DELAY_MS = 2.0
"""The generator's own p99 delay never makes a run invalid below this."""
OF_A_LIMIT, OF_A_MEASURED = 0.1, 0.25
"""It does above this share of the p99's limit; of a run that broke a limit, above this share of the
measured p99, for without it the run might have kept the limit."""
LEAST_OFFERED = 0.95


@dataclass(frozen=True)
class LoadLimits:
    """Of the times from the intended start to an answer with 200, in milliseconds; and shares of
    the requests. errors: neither 200 nor shed; shed: 503 with Retry-After.
    """

    p50_ms: float
    p99_ms: float
    errors: float
    shed: float


@dataclass(frozen=True)
class LoadVerdict:
    """result: pass, fail or invalid. reasons: what broke a limit, or the generator's faults."""

    result: str
    reasons: tuple[str, ...] = ()


def judged(measured: Measurement, limits: LoadLimits, stopped: str = "") -> LoadVerdict:
    """The verdict on a run. stopped: why it was ended early, empty where it was not.

    A generator that was late makes it invalid, whatever was measured; what ended a run early was
    the server."""
    broken = list(_broken(measured.total, limits, "all requests"))
    for load in measured.versions.values():
        alone = load.requests < measured.total.requests
        if load.name != NO_VERSION and load.requests >= FEWEST and alone:
            broken += _broken(load, limits, load.name)

    if stopped:
        return LoadVerdict(FAIL, (stopped, *broken))

    faults = tuple(generator_faults(measured, limits.p99_ms, bool(broken)))
    if faults:
        return LoadVerdict(INVALID, faults)

    return LoadVerdict(FAIL if broken else PASS, tuple(broken))


def generator_faults(measured: Measurement, limit_ms: float, is_broken: bool) -> Iterator[str]:
    """Why the generator's figures are not the server's, with numbers. limit_ms: of the p99;
    is_broken: whether the run broke a limit.
    """
    if not measured.total.requests:
        yield "nothing was sent: give it more time, or a higher rate"
        return

    if measured.dropped:
        yield f"the generator dropped {measured.dropped:,} requests that were due: lower the rate"

    if measured.busy > MOST_BUSY:
        yield (
            f"the generator used {100 * measured.busy:.0f} % of its processor: lower the rate, or "
            "send from another machine"
        )

    delay, p99 = measured.own_delay.ms(99), measured.total.latencies.ms(99)
    share = OF_A_LIMIT * limit_ms
    if is_broken and not isnan(p99):
        share = OF_A_MEASURED * p99

    largest = max(LEAST_DELAY_MS, share)
    if delay > largest:
        yield (
            f"the generator itself sent 1 % of the requests more than {delay:.1f} ms late (at most "
            f"{largest:.1f} ms would do): leave it more processor"
        )

    sent = measured.total.requests + measured.warm_up
    if sent < LEAST_OFFERED * measured.expected and measured.at >= measured.seconds:
        yield f"the generator sent {sent:,} of {measured.expected:,.0f} requests: lower the rate"


def _broken(load: VersionLoad, limits: LoadLimits, name: str) -> Iterator[str]:
    for percent, most in ((50, limits.p50_ms), (99, limits.p99_ms)):
        took = load.latencies.ms(percent)
        if took > most:
            yield f"{name}: p{percent} {took:.1f} ms, at most {most:g} ms"

    for word, share, most in (
        ("errors", load.errors, limits.errors),
        ("shed", load.shed, limits.shed),
    ):
        if share > most:
            yield f"{name}: {word} {100 * share:.2f} %, at most {100 * most:g} %"


def shares(versions: Sequence[VersionLoad]) -> dict[str, float]:
    """Each version's share of the answers that name one."""
    named: dict[str, int] = {}
    for load in versions:
        if load.name != NO_VERSION and load.requests:
            named[load.name] = load.requests

    total = sum(named.values())
    return {name: requests / total for name, requests in named.items()}
