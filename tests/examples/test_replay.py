"""The replayer against a real socket: it counts everything, loses nothing, and stops when told."""

import asyncio
import json
import threading

import pytest

from examples.flights.data import Split, months
from examples.flights.feedback import send_feedback
from examples.flights.replay import main, replay
from examples.flights.tally import NOBODY
from tests.examples.toy_router import predicted, toy_router


@pytest.fixture(scope="module")
def traffic():
    july = months(7, 7)
    return Split(july.rows.head(500), july.late.head(500))


def test_every_row_is_sent_once_as_json_and_its_truth_is_kept(traffic):
    async def scene():
        async with toy_router() as router:
            return router, await replay(router.url, traffic, connections=8)

    router, result = asyncio.run(scene())
    assert (result.sent, result.failed, router.connections) == (500, 0, 8)
    assert set(router.paths) == {"/predict"}
    sent = [body["instances"][0] for body in router.bodies]
    assert sorted(row["distance"] for row in sent) == sorted(traffic.rows["distance"])
    assert sum(late for _, late in result.pending) == traffic.late.sum()
    assert len({name for name, _ in result.pending}) == 500


def test_one_connection_sends_in_time_order_and_truths_match_their_predictions(traffic):
    async def scene():
        async with toy_router() as router:
            return router, await replay(router.url, traffic, connections=1)

    router, result = asyncio.run(scene())
    assert [body["instances"][0]["dest"] for body in router.bodies] == traffic.rows["dest"].tolist()
    assert result.pending == [(f"id-{n}", late) for n, late in enumerate(traffic.late.tolist())]


def test_answers_are_counted_by_version_with_failures_and_fallbacks(traffic):
    def answer(number, path):
        if number % 10 == 0:
            return 500, {"X-Model-Version": "v3"}, b"unknown categories"
        status, headers, body = predicted(number, "v1")
        return status, headers | ({"X-Fallback-From": "v3"} if number % 10 == 1 else {}), body

    async def scene():
        async with toy_router(answer) as router:
            return await replay(router.url, traffic, connections=4, limit=100)

    result = asyncio.run(scene())
    v1, v3 = result.versions["v1"], result.versions["v3"]
    assert (v1.requests, v1.failures, v3.requests, v3.failures, v3.fallbacks) == (90, 0, 10, 10, 10)
    assert (result.sent, result.failed, len(result.pending)) == (100, 10, 90)
    assert result.problems == ["500 unknown categories"] * 5
    assert 0 < v1.quantile_ms(0.5) <= v1.quantile_ms(0.99)
    assert v3.quantile_ms(0.5) is None


@pytest.mark.parametrize("closes_after", [1, 7])
def test_a_kept_connection_that_the_server_closes_costs_no_request(traffic, closes_after):
    async def scene():
        async with toy_router(closes_after=closes_after) as router:
            return router, await replay(router.url, traffic, connections=4, limit=200)

    router, result = asyncio.run(scene())
    assert (result.sent, result.failed) == (200, 0)
    assert router.connections > 200 / closes_after - 4


def test_a_kept_connection_cut_before_an_answer_is_retried_once(traffic):
    async def scene():
        async with toy_router(
            lambda number, path: None if number == 5 else predicted(number)
        ) as router:
            return router, await replay(router.url, traffic, connections=1, limit=20)

    router, result = asyncio.run(scene())
    assert (result.sent, result.failed, router.connections, len(router.paths)) == (20, 0, 2, 21)


def test_a_new_connection_cut_before_an_answer_is_a_failure(traffic):
    async def scene():
        async with toy_router(lambda number, path: None) as router:
            return await replay(router.url, traffic, connections=1, limit=2)

    result = asyncio.run(scene())
    assert (result.sent, result.failed) == (2, 2)
    assert result.versions[NOBODY].statuses == {0: 2}
    assert "connection closed before the answer" in result.problems[0]


def test_nobody_listening_is_counted_not_raised(traffic):
    result = asyncio.run(replay("http://127.0.0.1:9", traffic, connections=2, limit=4))
    assert (result.sent, result.failed, len(result.problems)) == (4, 4, 4)


def test_a_silent_server_ends_in_a_counted_timeout(traffic):
    async def scene():
        async def listen(reader, writer):
            await reader.read(-1)
            writer.close()

        async with await asyncio.start_server(listen, "127.0.0.1", 0) as silent:
            url = f"http://127.0.0.1:{silent.sockets[0].getsockname()[1]}"
            return await replay(url, traffic, connections=1, limit=1, timeout_s=0.2)

    result = asyncio.run(scene())
    assert (result.sent, result.failed) == (1, 1)
    assert "TimeoutError" in result.problems[0]


def test_it_stops_when_told_and_starts_over_when_asked(traffic):
    async def scene():
        stop = asyncio.Event()
        seen = []

        def progress(result):
            seen.append(result.sent)
            if result.sent > 600:
                stop.set()

        async with toy_router() as router:
            return seen, await replay(router.url, traffic, again=True, stop=stop, progress=progress)

    seen, result = asyncio.run(asyncio.wait_for(scene(), 30))
    assert result.sent > 600
    assert result.failed == 0
    assert seen == sorted(seen)
    assert seen[-1] == result.sent
    assert result.seconds > 0


def test_rate_caps_the_requests_a_second(traffic):
    async def scene():
        async with toy_router() as router:
            return await replay(router.url, traffic, connections=4, limit=50, rate=100)

    assert 0.45 < asyncio.run(scene()).seconds < 3


def test_a_failing_progress_ends_the_replay_instead_of_hiding(traffic):
    def progress(result):
        raise RuntimeError("the screen is gone")

    async def scene():
        async with toy_router() as router:
            await replay(router.url, traffic, again=True, progress=progress)

    with pytest.raises(ExceptionGroup) as raised:
        asyncio.run(asyncio.wait_for(scene(), 30))

    assert raised.group_contains(RuntimeError, match="the screen is gone")


@pytest.mark.parametrize("url", ["localhost:8000", "ftp://localhost", "http://"])
def test_an_address_that_is_none_is_refused(traffic, url):
    with pytest.raises(ValueError, match="write http://host:port"):
        asyncio.run(replay(url, traffic, connections=1))


def test_feedback_goes_in_lists_and_its_counts_add_up():
    async def scene():
        counts = {"counted": 9, "duplicates": 1, "invalid": [{"index": 0, "detail": "x"}]}
        async with toy_router(
            lambda number, path: (200, {}, json.dumps(counts).encode())
        ) as router:
            reported = []
            pairs = [(f"id-{n}", n % 2) for n in range(1_001)]
            return (
                router,
                reported,
                await send_feedback(router.url, pairs, progress=reported.append),
            )

    router, reported, counts = asyncio.run(scene())
    assert counts == {"counted": 27, "duplicates": 3, "invalid": 3}
    assert [len(body) for body in router.bodies] == [500, 500, 1]
    assert router.bodies[0][1] == {"prediction_id": "id-1", "label": 1}
    assert (router.paths, reported) == (["/feedback"] * 3, [500, 1000, 1001])


def test_refused_feedback_says_what_the_router_said():
    async def scene():
        async with toy_router(lambda number, path: (503, {}, b"ledger away")) as router:
            await send_feedback(router.url, [("id", 1)])

    with pytest.raises(RuntimeError, match="/feedback answered 503: ledger away"):
        asyncio.run(scene())


def test_the_command_prints_one_json_object_and_returns_one_when_a_request_failed(capsys):
    with Served(
        lambda n, path: (500, {"X-Model-Version": "v1"}, b"no") if n == 3 else predicted(n)
    ) as url:
        code = main(
            ["--url", url, "--limit", "10", "--connections", "1", "--no-feedback", "--json"]
        )

    message = json.loads(capsys.readouterr().out)
    assert (code, message["sent"], message["failed"]) == (1, 10, 1)
    assert message["versions"]["v1"]["requests"] == 10
    assert message["problems"] == ["500 no"]


def test_the_command_tells_the_truth_afterwards_and_returns_zero(capsys):
    def answer(number, path):
        counts = b'{"counted":10,"duplicates":0,"invalid":[]}'
        return predicted(number) if path == "/predict" else (200, {}, counts)

    with Served(answer) as url:
        code = main(["--url", url, "--limit", "10"])

    message = capsys.readouterr().out
    assert code == 0
    assert "10 sent, 0 failed" in message
    assert "feedback: counted 10" in message


class Served:
    """A toy router in a thread of its own, for the command that runs its own loop."""

    def __init__(self, answer) -> None:
        self._answer, self._ready, self._url = answer, threading.Event(), ""

    def __enter__(self) -> str:
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()))
        self._thread.start()
        assert self._ready.wait(300)
        return self._url

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._done.set)
        self._thread.join(300)

    async def _run(self) -> None:
        self._loop, self._done = asyncio.get_running_loop(), asyncio.Event()
        async with toy_router(self._answer) as router:
            self._url = router.url
            self._ready.set()
            await self._done.wait()
