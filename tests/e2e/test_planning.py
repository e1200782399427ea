"""`plan` on real versions: what users sent is asked of a version that nobody has met, and the
contract is a gate.
"""

import json
import shutil
from pathlib import Path

import httpx
import pytest

from tests.e2e.conftest import new_stack
from tests.e2e.stack_harness import ROW
from tests.until import until

CITIES = ("Oslo", "Bergen", "Tromsø", "Alta")


@pytest.fixture(scope="module")
def planned(delivered, tmp_path_factory):
    """v1 released, v2 and v3 only delivered, and 40 requests of users recorded; no test leaves it
    otherwise.
    """
    stack = new_stack(delivered, tmp_path_factory.mktemp("planned"))
    try:
        stack.up("v1")
        for age in range(20, 60):
            city = CITIES[age % 4]
            row = {**ROW, "age": age, "amount": 60.0 * age, "city": city}
            # Only rows that were answered are recorded.
            until(lambda row=row: stack.predict(row).status_code == 200, "the row is answered")

        until(lambda: _recorded_rows(stack) == 40, "40 are recorded")
        yield stack
    finally:
        stack.run("down")


def _recorded_rows(stack):
    folder = stack.folder / "var" / "run" / "recent"
    return sum(len(path.read_bytes().splitlines()) for path in folder.glob("*/*.jsonl"))


def test_what_would_change_for_whom_and_at_what_cost_is_told_before_anybody_meets_it(planned):
    revision = planned.ledger.revision
    answer = planned.run("plan", "v2", "--replay", "recent", "--json").json
    found = answer["replay"]["found"]
    assert (answer["contract"]["verdict"], found["rows"], found["errors"]) == ("compatible", 40, [])
    assert found["moved"] == 40
    assert 0 < found["flips"] < 40
    assert found["share"] == found["changed"] / 40
    assert len(found["worst"]) == 5
    assert set(found["worst"][0]["row"]) == set(ROW)
    assert found["for_whom"]
    assert (found["latency"]["rows"], found["latency"]["batches"]) == (1, 40)
    assert answer["replay"]["own"] == ["v2"]
    assert planned.ledger.revision == revision


def test_the_steps_suit_the_traffic_and_their_times_are_told(planned):
    slow = planned.run("plan", "v2", "--auto", "--rate", "0.1667", "--json").json["expected"]
    assert (slow["weights"], slow["in_time"]) == ([5000], True)
    assert 3600 < slow["proof"]["low_s"] < slow["proof"]["median_s"] < slow["proof"]["high_s"]
    assert slow["end"]["median_s"] >= slow["proof"]["median_s"]
    assert "recent" in httpx.get(f"{planned.url}/status").json()
    assert "  traffic  " in planned.run("plan", "v2", "--auto").out


def test_a_version_that_fails_on_what_users_send_is_found_out_before_it_is_deployed(planned):
    said = planned.run("plan", "v3", "--replay", "recent").out
    assert "✖ only v3 fails on 10 rows" in said
    assert "city Alta: 10 of 10 (100.0 %) change" in said
    assert "next     python deploy.py deploy v3" in said


def test_a_running_version_is_asked_where_it_runs_and_files_will_do(planned, tmp_path):
    planned.run("deploy", "v2")
    recording = tmp_path / "rows.jsonl"
    recording.write_text(json.dumps({"instances": [ROW, {**ROW, "age": None}, {**ROW, "pet": 1}]}))
    found = planned.run(
        "plan", "v2", "--replay", str(recording), "--strategy", "ramp", "--json"
    ).json["replay"]
    assert (found["own"], found["found"]["rows"], found["found"]["failed_both"]) == ([], 3, 2)
    assert planned.run("plan", "v2").out.rstrip().endswith("next     python deploy.py canary v2")
    planned.run("retire", "v2")


def test_a_version_that_breaks_its_users_gets_no_traffic_unless_it_is_allowed(stack):
    stack.up("v1")
    recipe = Path(stack.folder) / "v4.py"
    shutil.copy("tests/e2e/recipes/v1.py", recipe)
    text = (
        recipe.read_text()
        .replace('"age": chance', '"years": chance')
        .replace('["amount", "age"]', '["amount", "years"]')
    )
    recipe.write_text(text)
    stack.run("deliver", "v4", "--from", str(recipe))
    stack.run("deploy", "v4")
    refused = stack.run("canary", "v4", check=False)
    assert (refused.code, stack.status()["revision"]) == (6, 3)
    assert "v4 breaks what users of v1 rely on: column 'age' is gone" in refused.out
    shown = stack.run("plan", "v4", check=False)
    assert shown.code == 6
    assert "column 'years' is new: rows without it are refused" in shown.out
    stack.run("canary", "v4", "--steps", "10", "--breaking")
    stack.run("rollback")
    assert stack.predict().headers["x-model-version"] == "v1"
