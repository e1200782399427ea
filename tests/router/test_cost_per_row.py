"""What a bad row costs does not depend on how many there are, from a body to its answer."""

import asyncio
import gc
import time

import msgspec
import pytest

from rollout.settings import Settings
from router.access.rules import Access
from router.access.token_list import TokenList
from router.dispatch.upstream import Answer
from router.endpoints import predict
from router.endpoints.codecs.predict_json import ERRORS_LISTED
from router.endpoints.predict import Predict
from router.evidence.prediction_counters import Outcomes
from router.evidence.row_sample import RowSample
from router.requests.thread_pools import LARGE_BODY
from service.bundle import Column
from service.rows import Malformed, RowReader
from tests.router.fakes import DispatcherHarness, deployed

FEW, MANY = 100, 10_000
# Of the same work per row; a quadratic step makes it a hundred.
MOST_TIMES_AS_LONG = 6.0
COLUMNS = [
    Column(name="x", dtype="float", nullable=False),
    Column(name="n", dtype="int", nullable=False),
]
READER = RowReader(COLUMNS)
KINDS = {
    "good": b'{"x":1.5,"n":1}',
    "empty": b"{}",
    "wrong type": b'{"x":"far","n":1}',
    "unknown column": b'{"x":1.5,"n":1,"z":1}',
    "null": b'{"x":null,"n":1}',
    "no whole number": b'{"x":1.5,"n":3.5}',
    "a whole number with a point": b'{"x":1.5,"n":3.0}',
    "a list": b"[1.5,1]",
    "a number": b"1",
    "not JSON": b'{"x":NaN,"n":1}',
    "not JSON in a text": b'{"x":1.5,"n":1,"t":"\x01"}',
    "a failure": b'{"x":-1.0,"n":1}',
}


class Router:
    """Predict on a version whose rows are read as a service does, and whose model fails on negative
    `x`.
    """

    def __init__(self):
        self.harness = DispatcherHarness(deployed("v1"))
        settings = Settings()
        outcomes = Outcomes(self.harness.traffic.counts, b"key-of-sixteen-bytes")
        access = Access(settings.router, "127.0.0.1", TokenList(""), b"")
        self.predict = Predict(
            settings, self.harness.traffic, outcomes, RowSample(0), access, lambda: False
        )
        self.version = self.harness.versions["v1"]
        self.version.predict = lambda body, callback, timeout_s: self.sent.append((body, callback))
        self.sent, self.replies = [], []

    def ask(self, body):
        """Status and body of the answer."""
        if len(body) > LARGE_BODY:
            asyncio.run(self._looked_through(body))
        else:
            self._begin(body)
        self.harness.loop.run()
        while self.sent:
            body, callback = self.sent.pop(0)
            callback(self._answer(body))
            self.harness.loop.run()

        return self.replies.pop()

    def _begin(self, body):
        self.predict.answer(
            [], body, lambda status, headers, answer: self.replies.append((status, answer))
        )

    async def _looked_through(self, body):
        self._begin(body)
        await asyncio.gather(*self.predict._tasks)

    def _answer(self, body):
        try:
            decoded = READER.read(body)
        except Malformed as error:
            return Answer(400, [], str(error).encode())

        predictions = [None] * decoded.total
        errors = [msgspec.structs.asdict(error) for error in decoded.errors]
        for position, x in zip(decoded.kept, decoded.columns["x"].tolist(), strict=True):
            predictions[position] = None if x < 0 else [x, 1 - x]
            if x < 0:
                errors.append(
                    {"row": position, "status": 500, "detail": "as asked", "column": None}
                )

        return Answer(
            200,
            [],
            msgspec.json.encode({"predictions": predictions, "errors": errors, "classes": [0, 1]}),
        )


def body_of(row, rows):
    return b'{"instances":[' + b",".join([row] * rows) + b"]}"


def seconds_per_row(router, row, rows, times):
    body = body_of(row, rows)
    best = float("inf")
    for _ in range(times):
        gc.collect()
        began = time.process_time()
        router.ask(body)
        best = min(best, time.process_time() - began)

    return best / rows


@pytest.fixture(scope="module")
def router():
    """One that is warm."""
    made = Router()
    made.ask(body_of(KINDS["good"], MANY))
    return made


@pytest.mark.parametrize("kind", KINDS)
def test_a_row_costs_the_same_among_few_and_among_many(router, kind):
    few = seconds_per_row(router, KINDS[kind], FEW, 20)
    many = seconds_per_row(router, KINDS[kind], MANY, 3)
    assert many < MOST_TIMES_AS_LONG * few


@pytest.mark.parametrize(
    "kind",
    ["empty", "wrong type", "unknown column", "null", "no whole number", "a list", "a failure"],
)
def test_of_many_bad_rows_some_are_described_and_the_others_counted(kind):
    status, answer = Router().ask(body_of(KINDS[kind], MANY))
    replies = msgspec.json.decode(answer)
    assert status == (500 if kind == "a failure" else 422)
    assert [error["row"] for error in replies["errors"]] == list(range(ERRORS_LISTED))
    assert replies["errors_not_listed"] == MANY - ERRORS_LISTED
    assert replies["predictions"] == [None] * MANY
    assert len(answer) < 5 * MANY + 200 * ERRORS_LISTED


def test_a_long_name_of_a_column_is_not_sent_back_whole():
    status, answer = Router().ask(b'{"instances":[{"%b":1}]}' % (b"z" * 250_000))
    assert (status, len(answer) < 2000) == (422, True)


@pytest.mark.parametrize("rows", [b"1," * 3_000_000 + b"1", b"{}," * 30_000 + b"{}"])
def test_too_many_rows_are_refused_before_they_are_taken_apart(rows):
    router = Router()
    router.predict.codec._decode = None
    assert router.ask(b'{"instances":[' + rows + b"]}")[0] == 413


@pytest.mark.parametrize("large", [False, True])
def test_the_time_that_a_body_waits_to_be_unpacked_is_of_its_deadline(monkeypatch, large):
    router, clock = Router(), [0.0]

    async def slow(body, encoding, limit):
        clock[0] += 5.0
        return body

    async def ask(timeout_ms):
        loop = asyncio.get_running_loop()
        monkeypatch.setattr(loop, "time", lambda real=loop.time: real() + clock[0])
        headers = [(b"content-encoding", b"gzip"), (b"x-timeout-ms", b"%d" % timeout_ms)]
        body = body_of(KINDS["good"], 5_000 if large else 1)
        router.predict.answer(headers, body, lambda status, *_: replies.append(status))
        await asyncio.gather(*router.predict._tasks)

    replies, asked = [], []
    monkeypatch.setattr(predict, "decompress", slow)
    router.predict.traffic.send = lambda *given: asked.append(given[3])
    asyncio.run(ask(4_000))
    assert (replies, asked) == ([504], [])
    asyncio.run(ask(9_000))
    assert len(asked) == 1
    assert asked[0] <= 4.0


@pytest.mark.parametrize("order", [1, -1])
def test_good_and_bad_rows_stand_at_their_places_however_the_version_orders_its_errors(order):
    router = Router()
    rows = [KINDS["good"], KINDS["empty"], KINDS["a failure"], KINDS["good"]] * 100
    answer = router._answer

    def shuffled(body):
        replies = answer(body)
        decoded = msgspec.json.decode(replies.body)
        decoded["errors"] = decoded["errors"][::order]
        return Answer(200, [], msgspec.json.encode(decoded))

    router._answer = shuffled
    replies = msgspec.json.decode(router.ask(b'{"instances":[' + b",".join(rows) + b"]}")[1])
    assert [row is None for row in replies["predictions"]] == [False, True, True, False] * 100
    assert [error["row"] for error in replies["errors"]][:4] == [1, 2, 5, 6]
