"""Load by Locust: users who wait for their answers, with the rows, units and marks of a load test.

`python deploy.py load --engine locust` starts it with a job in the file that SLUICE_LOAD_JOB names:
`path` to post to, `bodies` (a file, one a line), `unit_header` and `units`, `run` and `key` of the
mark, `think_s` between answer and request. Times are Locust's: whole milliseconds, counted from the
sending, so that a stall hides the requests which it kept from being sent."""

import json
import os
import random
import time
from itertools import count, cycle
from pathlib import Path

from gevent import get_hub
from locust import FastHttpUser, task

from wire.load_mark import HEADER, RENEWED_S, make_mark
from wire.parent_process import end_with

JOB = json.loads(Path(os.environ["SLUICE_LOAD_JOB"]).read_text())
BODIES = Path(JOB["bodies"]).read_bytes().splitlines()
KEY = bytes.fromhex(JOB["key"])
NUMBERS = count()
PLACES = cycle(range(len(BODIES)))
marked_at, mark = 0.0, ""

end_with(JOB["parent"])
# Its clock stood still while everything was imported: the run would be shorter by that.
get_hub().loop.update_now()


def current_mark() -> str:
    """The mark of all users' requests, made anew every half minute."""
    global marked_at, mark
    now = time.time()
    if KEY and now - marked_at > RENEWED_S:
        marked_at, mark = now, make_mark(KEY, JOB["run"], now)

    return mark


class SluiceUser(FastHttpUser):  # type: ignore[misc]
    """One user, who keeps its unit and so its version."""

    def on_start(self) -> None:
        """Choose the unit."""
        self.named = {"Content-Type": "application/json"}
        if JOB["unit_header"]:
            self.named[JOB["unit_header"]] = f"load-{next(NUMBERS) % JOB['units']}"

    def wait_time(self) -> float:
        """Seconds until the next request."""
        return random.expovariate(1 / JOB["think_s"]) if JOB["think_s"] else 0.0

    @task  # type: ignore[untyped-decorator]
    def predict(self) -> None:
        """Ask for one prediction; its entry in the table is that of the version that answered."""
        headers = self.named
        if KEY:
            headers = {**headers, HEADER: current_mark()}

        body = BODIES[next(PLACES)]
        with self.client.post(
            JOB["path"], data=body, headers=headers, catch_response=True
        ) as response:
            version = (response.headers or {}).get("X-Model-Version")
            response.request_meta["name"] = version or "no version"
