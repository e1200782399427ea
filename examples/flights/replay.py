"""Sends July to December to a running Sluice as production traffic, then the labels as feedback.

`python -m examples.flights.replay --url http://127.0.0.1:8000 --limit 10000 --connections 16`
"""

import argparse
import asyncio
import json
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from itertools import chain, islice, repeat

import msgspec
import uvloop

from examples.flights.client import Client
from examples.flights.data import Split, instances, months
from examples.flights.feedback import send_feedback
from examples.flights.tally import Replay

PROGRESS_EVERY_S = 0.2
# After a refused connection: time for a server to come back, and for this process not to spin.
_PAUSE_S = 0.1

Progress = Callable[[Replay], None]


def production() -> Split:
    """Return the traffic: the flights of July to December, in time order."""
    return months(7, 12)


async def replay(
    url: str,
    traffic: Split,
    *,
    connections: int = 16,
    limit: int | None = None,
    rate: float | None = None,
    again: bool = False,
    headers: dict[str, str] | None = None,
    stop: asyncio.Event | None = None,
    progress: Progress | None = None,
    timeout_s: float = 30.0,
) -> Replay:
    """Send a row a request over `connections`; returns the answers counted by version.

    Ends after the traffic's last row, after `limit` requests, or when `stop` is set and the
    requests under way are answered. `again` starts over at the end instead. `rate` caps the
    requests a second. `progress` is called with the running counts five times a second and once at
    the end. Failures are counted, never raised.
    """
    result, started = Replay(), time.perf_counter()
    requests = islice(_requests(traffic, again), limit)
    pace = _Pace(rate, stop or asyncio.Event())
    clients = [Client(url, timeout_s, headers) for _ in range(connections)]
    try:
        async with asyncio.TaskGroup() as group:
            reporter = group.create_task(_report(result, started, progress))
            await asyncio.wait(
                [group.create_task(_send(client, requests, pace, result)) for client in clients]
            )
            reporter.cancel()
    finally:
        for client in clients:
            client.close()

    _show(result, started, progress)
    return result


class _Pace:
    """Spreads the requests evenly at `rate` a second, until `stop` is set."""

    def __init__(self, rate: float | None, stop: asyncio.Event) -> None:
        self._gap = 1 / rate if rate else 0.0
        self._next = 0.0
        self.stop = stop

    async def next(self) -> bool:
        """Wait for the next request's turn; False once `stop` is set."""
        if self._gap:
            now = time.perf_counter()
            due = self._next = max(self._next + self._gap, now)
            if due > now:
                await asyncio.sleep(due - now)

        return not self.stop.is_set()


async def _send(
    client: Client, requests: Iterator[tuple[bytes, int]], pace: _Pace, result: Replay
) -> None:
    """Send rows over one connection until the last one, or until the pace stops."""
    while await pace.next():
        request = next(requests, None)
        if request is None:
            return

        body, late = request
        started = time.perf_counter()
        try:
            answer = await client.post("/predict", body)
        except OSError as error:
            result.unanswered(error)
            await asyncio.sleep(_PAUSE_S)
        else:
            result.answered(answer, late, time.perf_counter() - started)


def _requests(traffic: Split, again: bool) -> Iterator[tuple[bytes, int]]:
    """The bodies to send, each with its label."""
    encode = msgspec.json.Encoder().encode
    late = traffic.late.tolist()
    turns = repeat(None) if again and late else [None]
    rows = chain.from_iterable(zip(instances(traffic.rows), late, strict=True) for _ in turns)
    return ((encode({"instances": [row]}), truth) for row, truth in rows)


async def _report(result: Replay, started: float, progress: Progress | None) -> None:
    while progress is not None:
        await asyncio.sleep(PROGRESS_EVERY_S)
        _show(result, started, progress)


def _show(result: Replay, started: float, progress: Progress | None) -> None:
    result.seconds = time.perf_counter() - started
    if progress is not None:
        progress(result)


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; returns 0 when no request failed, else 1."""
    options = _options(arguments)
    result, counts = uvloop.run(_replay_with_feedback(options))
    _print(result, counts, options.json)
    return 1 if result.failed else 0


async def _replay_with_feedback(options: argparse.Namespace) -> tuple[Replay, Counter[str]]:
    result = await replay(
        options.url,
        production(),
        connections=options.connections,
        limit=options.limit,
        rate=options.rate,
        progress=None if options.json else _line,
    )
    if options.no_feedback:
        return result, Counter()

    return result, await send_feedback(options.url, result.pending)


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m examples.flights.replay", description=__doc__)
    parser.add_argument(
        "--url", default="http://127.0.0.1:8000", help="where the router listens (%(default)s)"
    )
    parser.add_argument("--limit", type=int, help="how many requests (all 166,668)")
    parser.add_argument(
        "--connections", type=int, default=16, help="how many at a time (%(default)s)"
    )
    parser.add_argument("--rate", type=float, help="at most so many requests a second")
    parser.add_argument("--no-feedback", action="store_true", help="keep the truth back")
    parser.add_argument(
        "--json", action="store_true", help="print one JSON object at the end and nothing else"
    )
    return parser.parse_args(arguments)


def _line(result: Replay) -> None:
    shares = "  ".join(
        f"{name} {tally.requests}" for name, tally in sorted(result.versions.items())
    )
    text = f"{result.sent:>8} sent  {result.failed} failed  {shares}"
    print(
        f"\r{text:<100}" if sys.stdout.isatty() else text,
        end="" if sys.stdout.isatty() else "\n",
        flush=True,
    )


def _print(result: Replay, counts: Counter[str], as_json: bool) -> None:
    summary = {**result.summary(), "feedback": dict(counts), "problems": result.problems}
    if as_json:
        print(json.dumps(summary))
        return

    print(f"\n{result.sent} sent, {result.failed} failed, in {result.seconds:.1f} s")
    for name, figures in {**summary["versions"], "feedback": counts}.items():
        print(f"  {name}: " + ", ".join(f"{key} {value}" for key, value in figures.items()))

    for problem in result.problems:
        print(f"  {problem}")


if __name__ == "__main__":
    sys.exit(main())
