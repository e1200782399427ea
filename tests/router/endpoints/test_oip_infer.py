"""What an inference request counts in a judged rollout: a failure where the other version answers
the same body. And whose it is: a unit in a column, wherever that column is.
"""

import asyncio
from dataclasses import replace

import msgspec
import pytest

from rollout.settings import RouterSettings, Settings, Unit
from router.dispatch.upstream import Answer, Failure
from router.endpoints.oip_infer import LONGEST_SHAPE, MOST_TENSORS, InferEndpoint, _first_value
from router.endpoints.oip_infer import _tensors as tensors_of
from router.problems import Problem
from router.requests.request_headers import read_headers
from tests.router.fakes import DispatcherHarness, begun, deployed

OTHER = {"v1": "v2", "v2": "v1"}


def infer(answers, drawn):
    """The counts of both versions after one request that was drawn so; answers: by version, a
    status or a failure.
    """

    async def asked():
        harness = DispatcherHarness(begun(deployed("v1", "v2")))
        for name, lane in harness.traffic.lanes.items():
            lane.pool.forward = _answering(answers[name])

        forward = InferEndpoint(Settings(model="toy"), harness.traffic, None, lambda: False)
        draw = harness.traffic.draw(harness.unit_of(drawn), True, None)
        status = None
        try:
            status, _, _ = await forward._ask(draw, False, b"{}")
        except Exception as problem:  # noqa: BLE001 (its status is all that is asked for)
            status = problem.status

        while forward._checking:
            await asyncio.gather(*forward._checking)

        return status, harness.counted("v1").get("finished"), harness.counted("v2").get("finished")

    return asyncio.run(asked())


def _answering(said):
    async def forward(*_):
        return Answer(said, [], b"{}") if isinstance(said, int) else Failure(said, "as asked")

    return forward


@pytest.mark.parametrize("drawn", ["v1", "v2"])
@pytest.mark.parametrize(
    ("said", "others", "word"),
    [
        (200, 200, "ok"),
        (400, 200, "refused"),
        (400, 400, "neither"),
        (500, 200, "error"),
        (500, 500, "neither"),
        (500, "connect", "neither"),
        (400, "timeout", "neither"),
    ],
)
def test_a_failure_counts_where_the_other_version_answers(drawn, said, others, word):
    _, first, second = infer({drawn: said, OTHER[drawn]: others}, drawn)
    counted, uncounted = (first, second) if drawn == "v1" else (second, first)
    assert counted == {word: 1}
    assert uncounted is None


def test_a_user_whom_the_candidate_fails_is_answered_by_the_other():
    status, _, counted = infer({"v1": 200, "v2": 500}, "v2")
    assert (status, counted) == (200, {"error": 1})


COLUMNS = [{"name": name} for name in ("b", "user", "c")]
ROW = [0.0, 7.0, 1.5]


class Scripted:
    """A version that tells its columns, or not, and remembers what it was asked."""

    def __init__(self, columns):
        self.columns, self.asked = columns, []

    async def forward(self, method, path, *_):
        self.asked.append(method)
        said = {"inputs": self.columns} if method == "GET" else {}
        return Answer(200, [], msgspec.json.encode(said))


def drawn_units(bodies, columns, headers=()):
    """The units of these requests where the unit is in the column `user`, and what was asked of
    the versions for it.
    """

    async def asked():
        harness = DispatcherHarness(deployed("v1", "v2"))
        versions = [Scripted(columns) for _ in harness.traffic.lanes]
        for lane, version in zip(harness.traffic.lanes.values(), versions, strict=True):
            lane.pool.forward = version.forward

        units = []
        harness.traffic.draw = lambda unit, *_: units.append(unit)
        settings = replace(
            Settings(model="toy"), router=replace(RouterSettings(), unit=Unit(field="user"))
        )
        endpoint = InferEndpoint(settings, harness.traffic, None, lambda: False)
        for body in bodies:
            asked = read_headers(list(headers), endpoint.units.header)
            await endpoint._draw(asked, msgspec.json.encode({"inputs": body}), None, [])

        return units, [method for version in versions for method in version.asked]

    return asyncio.run(asked())


def test_a_unit_in_a_column_is_the_same_in_a_tensor_of_its_own_and_in_one_for_all():
    own = [{"name": "user", "shape": [1], "data": [7.0]}]
    nested = [{"name": "user", "shape": [1, 1], "data": [[7.0]]}]
    flat = [{"name": "x", "shape": [2, 3], "data": [*ROW, *ROW]}]
    rows = [{"name": "user", "shape": [2, 3], "data": [ROW, [1, 2, 3]]}]
    units, asked = drawn_units([own, nested, flat, rows, flat], COLUMNS)
    assert units == [b"7"] * 5
    assert asked == ["GET"]


def test_what_has_too_few_values_has_no_unit_of_its_own():
    short = [{"name": "x", "shape": [1, 3], "data": [0.0]}]
    (unit,), _ = drawn_units([short], COLUMNS)
    assert len(unit) == 24


def test_where_no_version_tells_the_order_the_request_is_refused_unless_a_header_names_the_unit():
    flat = [{"name": "x", "shape": [1, 3], "data": ROW}]
    with pytest.raises(Problem, match="no version tells the order of the columns now") as refused:
        drawn_units([flat], None)
    assert refused.value.status == 503
    assert drawn_units([flat], None, [(b"x-unit-id", b"u")]) == ([b"u"], [])


def looked_through(body):
    """What an endpoint says of a body before it draws a version."""

    async def look():
        endpoint = InferEndpoint(
            Settings(model="toy"), DispatcherHarness(deployed("v1")).traffic, None, lambda: False
        )
        await endpoint._check_size(body)
        endpoint._check_rows(body)

    asyncio.run(look())


@pytest.mark.parametrize("tensors", [MOST_TENSORS, MOST_TENSORS + 1, 1_000_000])
def test_too_many_tensors_are_refused_before_they_are_made(monkeypatch, tensors):
    body = b'{"inputs":[' + b",".join([b'{"name":"a","shape":[1]}'] * tensors) + b"]}"
    if tensors <= MOST_TENSORS:
        looked_through(body)
    else:
        monkeypatch.setattr(InferEndpoint, "_check_rows", None)
        with pytest.raises(Problem, match=f"more than {MOST_TENSORS} tensors") as refused:
            looked_through(body)
        assert refused.value.status == 413


def test_a_shape_of_millions_is_refused_and_many_values_are_not():
    with pytest.raises(Problem, match=f"longer than {LONGEST_SHAPE}") as refused:
        looked_through(b'{"inputs":[{"shape":[' + b"1," * 1_000_000 + b"1]}]}")
    assert refused.value.status == 400
    with pytest.raises(Problem, match="10001 rows"):
        looked_through(b'{"inputs":[{"shape":[2]},{"shape":[ 10001, 2]},{"shape":[]},{}]}')
    many = b'{"inputs":[{"shape":[%d,100000],"data":[' + b"1," * 300_000 + b"1]}]}"
    looked_through(many % 3)
    with pytest.raises(Problem, match="at most 262144 bytes a row") as refused:
        looked_through(many % 1)
    assert refused.value.status == 413


@pytest.mark.parametrize(
    ("data", "first"),
    [
        ('["u-1", 2]', "u-1"),
        (' [ [ "u\\u00e9" ], ["b"]]', "ué"),
        ("[17]", 17),
        ("[[1, 2]]", 1),
        ("[]", None),
        ('"u"', None),
        ('["' + "é" * 50_000 + '"]', None),
        ("[7" + ",7" * 500_000 + "]", 7),
    ],
)
def test_the_first_value_of_a_tensor_is_read_without_the_others(data, first):
    others = '{"name":"x","data":[0]}', '{"name":"z"}'
    body = f'{{"inputs":[{others[0]},{{"name":"user","data":{data}}},{others[1]}]}}'
    tensors = tensors_of(body.encode())
    assert _first_value(tensors, [], "user") == first
    assert _first_value(tensors, [], "z") is None
    assert _first_value(tensors, [], "nobody") is None


def test_a_request_whose_time_has_gone_by_is_not_asked_about(monkeypatch):
    async def play():
        endpoint = InferEndpoint(
            Settings(model="toy"), DispatcherHarness(deployed("v1")).traffic, None, lambda: False
        )
        monkeypatch.setattr(endpoint, "_ask", None)
        now = asyncio.get_running_loop().time()
        await endpoint._ask_within(1.0, now - 1.1, None, False, b"{}")

    with pytest.raises(Problem) as late:
        asyncio.run(play())
    assert late.value.status == 504
