"""`rehearse`, from nothing to released and back, on real processes: no account is needed."""

import json
import os
from pathlib import Path

import pytest

from tests.e2e.stack_harness import StackHarness

ROOT = Path(__file__).parents[2]
SCHEMA = ROOT.parent / "shared" / "heroku" / "schema.json"


@pytest.mark.soak
@pytest.mark.timeout(400)
def test_the_whole_plan_is_rehearsed_and_nobody_is_lost(tmp_path: Path) -> None:
    schema = os.environ.get("HEROKU_SCHEMA") or (str(SCHEMA) if SCHEMA.exists() else "")
    stack = StackHarness(tmp_path, {"HEROKU_SCHEMA": schema} if schema else {})
    stack.deliver("v1", "v2")
    process = stack.start("rehearse", "v1", "v2", "--json")
    out, _ = process.communicate(timeout=380)
    assert process.returncode == 0, out[-4000:]
    said = json.loads(out.strip().splitlines()[-1])
    done = [
        step["command"].removeprefix("python deploy.py ").partition(" ")[0]
        for step in said["steps"]
    ]
    assert done == [
        "up",
        "doctor",
        "deploy",
        "promote",
        "deploy",
        "canary",
        "watch",
        "rollback",
        "down",
    ]
    assert all(step["code"] == 0 and step["seconds"] > 0 for step in said["steps"])
    assert (said["failed"], said["unfit"]) == (0, 0)
    assert said["requests"] > 500
    assert len(said["apps"]) == 3
    assert said["monthly_cost"] > said["daily_cost"] > 0
    assert said["validated"] > 100 if schema else said["validated"] == 0
