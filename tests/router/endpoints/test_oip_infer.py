"""What an inference request counts in a judged rollout: a failure where the other version answers
the same body.
"""

import asyncio

import pytest

from rollout.settings import Settings
from router.dispatch.upstream import Answer, Failure
from router.endpoints.oip_infer import InferEndpoint
from tests.router.toys import City, begun, deployed

OTHER = {"v1": "v2", "v2": "v1"}


def infer(answers, drawn):
    """The counts of both versions after one request that was drawn so; answers: by version, a
    status or a failure.
    """

    async def asked():
        city = City(begun(deployed("v1", "v2")))
        for name, lane in city.traffic.lanes.items():
            lane.pool.forward = _answering(answers[name])

        forward = InferEndpoint(Settings(model="toy"), city.traffic, None, lambda: False)
        draw = city.traffic.draw(city.unit_of(drawn), True, None)
        status = None
        try:
            status, _, _ = await forward._ask(draw, False, b"{}")
        except Exception as problem:  # noqa: BLE001 (its status is all that is asked for)
            status = problem.status

        while forward._checking:
            await asyncio.gather(*forward._checking)

        return status, city.counted("v1").get("finished"), city.counted("v2").get("finished")

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
