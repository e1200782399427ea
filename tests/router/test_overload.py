"""More requests than a version can answer: what is let in is answered in time, the rest is refused
at once.
"""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.router.router_harness import router_harness

SETTINGS = """
[router.limits]
max_batch_rows = 4
max_batches_in_flight = 1
max_queue_ms = 200
deadline_ms = 2000
"""


@pytest.fixture
def busy(tmp_path):
    """One version that answers four rows in 50 ms, and takes nothing that would wait longer than
    200 ms.
    """
    with router_harness(tmp_path, settings=SETTINGS) as made:
        made.know(made.version("v1"))
        made.split({"v1": 10_000})
        made.router()
        yield made


def test_overload_is_shed_at_once_and_what_is_let_in_is_answered_soon(busy):
    def one(_):
        begun = time.monotonic()
        answer = busy.predict({"slow_s": 0.05})
        return answer.status_code, answer.headers.get("retry-after"), time.monotonic() - begun

    alone = max(one(0)[2] for _ in range(3))
    with ThreadPoolExecutor(48) as threads:
        found = list(threads.map(one, range(200)))

    given = [seconds for status, _, seconds in found if status == 200]
    shed = [retry for status, retry, _ in found if status == 503]
    assert len(given) + len(shed) == 200
    assert set(shed) == {"1"}
    assert len(given) > 20
    assert sorted(given)[len(given) // 2] < 30 * alone
    assert busy.predict({}).status_code == 200


def test_a_large_request_is_answered_whole_and_in_order(busy):
    rows = [{"x": float(x)} for x in range(50)]
    answer = busy.predict(*rows)
    assert answer.status_code == 200
    assert answer.json()["predictions"] == [row["x"] for row in rows]
    bad = busy.predict(*rows, {"fail": "input"})
    assert (bad.status_code, bad.json()["errors"][0]["row"]) == (422, 50)
