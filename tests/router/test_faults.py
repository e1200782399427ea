"""What the router does when its surroundings fail: versions, workers, the ledger. Real processes,
killed for real.
"""

import json
import os
import resource
import signal
import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from rollout.state.ledger import Rollout, Step
from router.evidence import worker_metrics
from store import LedgerStore
from store.engine import engine
from tests.router.router_harness import router_harness, tensor
from tests.until import until

PAUSE_S = 0.01


class Load(threading.Thread):
    """A few clients that send requests until told to stop, and keep every answer that is not
    200.
    """

    def __init__(self, url: str, clients: int = 8) -> None:
        super().__init__()
        self.url, self.clients = url, clients
        self.stopped = threading.Event()
        self.versions: list[str] = []
        self.failed: list[str] = []

    def run(self) -> None:
        with ThreadPoolExecutor(self.clients) as threads:
            for _ in range(self.clients):
                threads.submit(self._client)

    def _client(self) -> None:
        with httpx.Client(timeout=120) as client:
            while not self.stopped.is_set():
                try:
                    answer = client.post(f"{self.url}/predict", json={"instances": [{}]})
                except httpx.HTTPError as error:
                    self.failed.append(repr(error))
                    continue
                self.versions.append(answer.headers.get("x-model-version", ""))
                if answer.status_code != 200:
                    self.failed.append(answer.text)
                # A load that takes all processors only slows what the test waits for.
                self.stopped.wait(PAUSE_S)

    def __enter__(self) -> "Load":
        self.start()
        self.sent(20)
        return self

    def sent(self, more: int) -> None:
        """Wait until that many further answers came."""
        goal = len(self.versions) + more
        until(lambda: len(self.versions) >= goal, f"{more} more answers", 20)

    def __exit__(self, *_: object) -> None:
        self.stopped.set()
        self.join(300)


def test_without_a_released_version_it_says_so(fresh):
    fresh.router()
    assert fresh.predict({"x": 1}).status_code == 503
    assert "promote" in fresh.predict({"x": 1}).json()["detail"]
    assert httpx.get(f"{fresh.url}/v2/health/ready", timeout=120).status_code == 503


def test_every_worker_follows_a_new_split_without_losing_a_request(tmp_path):
    with router_harness(tmp_path, workers=2) as made:
        made.know(made.version("v1"), made.version("v2"))
        made.split({"v1": 10_000})
        made.router()
        with Load(made.url) as load:
            made.follows(made.split({"v1": 0, "v2": 10_000}, released="v2"))
            load.versions.clear()
            load.sent(100)
        assert load.failed == []
        assert set(load.versions) == {"v2"}


def test_a_killed_version_loses_no_request_while_another_serves(fresh):
    fresh.know(fresh.version("v1"), fresh.version("v2"))
    fresh.split({"v1": 5000, "v2": 5000})
    fresh.router()
    with Load(fresh.url) as load:
        fresh.kill("v1")
        load.sent(200)

    assert load.failed == []
    assert load.versions[-1] == "v2"


def test_what_is_asked_of_the_only_version_while_it_is_dead_waits_for_it_on_both_routes(fresh):
    fresh.know(fresh.version("v1"))
    fresh.split({"v1": 10_000})
    fresh.router()
    infer = f"{fresh.url}/v2/models/toy/infer"
    body = {"inputs": [tensor(1)]}
    assert httpx.post(infer, json=body, timeout=120).status_code == 200
    fresh.kill("v1")
    (fresh.folder / "v1.sock").unlink()
    with ThreadPoolExecutor(2) as threads:
        asked = [
            threads.submit(fresh.predict, {"x": 1}),
            threads.submit(httpx.post, infer, json=body, timeout=120),
        ]
        until(lambda: fresh.status()["versions"]["v1"]["queue_rows"] == 2, "two rows wait")
        fresh.version("v1")
        assert [future.result().status_code for future in asked] == [200, 200]


def test_a_version_that_dies_in_the_middle_of_a_batch_is_answered_for(fresh):
    fresh.know(fresh.version("v1"), fresh.version("v2"))
    fresh.split({"v1": 0, "v2": 10_000})
    fresh.router()
    answer = fresh.predict({"die": "v2"})
    assert (answer.status_code, answer.headers["x-model-version"]) == (200, "v1")


def test_a_version_that_moves_to_another_address_loses_no_request(fresh):
    fresh.know(fresh.version("v1"))
    fresh.split({"v1": 10_000})
    fresh.router()
    with Load(fresh.url) as load:
        fresh.know(fresh.version("v1", socket="v1-again"))
        revision = fresh.split({"v1": 10_000})
        fresh.follows(revision)
        old = fresh.folder / "v1.sock"
        until(
            lambda: not fresh.status()["versions"]["v1"]["addresses"].get(f"unix:{old}"),
            "the old address is drained",
        )
        fresh.kill("v1", signal.SIGTERM)
        load.sent(100)

    assert load.failed == []


def test_restarting_every_worker_loses_no_request(tmp_path):
    with router_harness(tmp_path, workers=2) as made:
        made.know(made.version("v1"))
        made.split({"v1": 10_000})
        made.router()
        before = {worker["pid"] for worker in made.status()["workers"]}
        with Load(made.url) as load:
            os.kill(made.processes["router"].pid, signal.SIGHUP)
            until(
                lambda: not before & {w["pid"] for w in made.status()["workers"]},
                "all workers are new",
                20,
            )
            load.sent(100)
        assert load.failed == []
        sent = len(load.versions)
        until(
            lambda: made.status()["versions"]["v1"]["requests"] == sent,
            "every request is counted, also the old workers'",
        )


def test_a_killed_worker_is_replaced_and_its_counts_stay(tmp_path):
    with router_harness(tmp_path, workers=2) as made:
        made.know(made.version("v1"))
        made.split({"v1": 10_000})
        made.router()
        for _ in range(50):
            made.predict({})
        until(lambda: _published(tmp_path) == 50, "all workers have published their counts")
        victim = made.status()["workers"][0]["pid"]
        os.kill(victim, signal.SIGKILL)
        until(
            lambda: victim not in {w["pid"] for w in _workers(made)} and len(_workers(made)) == 2,
            "a new worker",
        )
        assert made.predict({}).status_code == 200
        assert made.status()["versions"]["v1"]["requests"] >= 50


def _fill_disk(pids, is_full=True):
    """Have these processes, and those that they fork, fail to write to any file, or write again."""
    for pid in pids:
        _, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (0 if is_full else hard, hard))


def test_on_a_full_disk_killed_workers_are_replaced_and_their_counts_stay(tmp_path):
    with router_harness(tmp_path, workers=2) as made:
        made.know(made.version("v1"))
        made.split({"v1": 10_000})
        made.router()
        for _ in range(50):
            made.predict({})
        until(lambda: _published(tmp_path) == 50, "all workers have published their counts")
        master = made.processes["router"].pid
        victims = {worker["pid"] for worker in made.status()["workers"]}
        _fill_disk([master, *victims])
        for victim in victims:
            os.kill(victim, signal.SIGKILL)

        def replaced():
            alive = {worker["pid"] for worker in _workers(made)}
            return made.processes["router"].poll() is not None or (alive and not alive & victims)

        until(replaced, "new workers")
        assert made.processes["router"].poll() is None
        assert made.predict({}).status_code == 200
        assert made.status()["versions"]["v1"]["requests"] >= 50
        children = Path(f"/proc/{master}/task/{master}/children").read_text().split()
        _fill_disk([master, *map(int, children)], is_full=False)
        until(lambda: _published(tmp_path) == 51, "nothing is lost")


def test_a_router_starts_where_the_start_of_its_counts_cannot_be_written(fresh):
    fresh.know(fresh.version("v1"))
    fresh.split({"v1": 10_000})
    fresh.router()
    assert fresh.predict({}).status_code == 200
    until(lambda: _published(fresh.folder) == 1, "the worker has published its counts")
    fresh.kill("router")
    # What a full disk is to whoever writes there.
    lives = worker_metrics.folder(fresh.folder).parent / "history"
    lives.rename(fresh.folder / "kept")
    lives.write_text("no folder")
    (fresh.folder / "router.log").unlink()
    fresh.router()
    assert "a new start cannot be written" in fresh.log("router")
    assert fresh.predict({}).status_code == 200


def test_counts_that_cannot_be_published_are_said_once_and_published_later(fresh):
    fresh.know(fresh.version("v1"))
    fresh.split({"v1": 10_000})
    fresh.router()
    folder, said = worker_metrics.folder(fresh.folder), "the metrics are not published"
    until(folder.exists, "the folder of the counts")
    until(lambda: _is_replaced_by_a_file(folder), "no folder any more")
    until(lambda: said in fresh.log("router"), "it is said")
    for _ in range(50):
        assert fresh.predict({}).status_code == 200

    folder.unlink()
    until(lambda: _published(fresh.folder) == 50, "they are published")
    until(lambda: "the metrics are published again" in fresh.log("router"), "it is said")
    assert fresh.log("router").count(said) == 1


def _is_replaced_by_a_file(folder):
    """Whether a file could take the folder's place, which its writers fill all the time."""
    for path in folder.iterdir():
        path.unlink(missing_ok=True)

    try:
        folder.rmdir()
        folder.touch()
    except OSError:
        return False
    return folder.is_file()


def _published(state):
    """Requests in the workers' files, which a kill leaves behind."""
    tables = [
        json.loads(path.read_bytes())["counts"]
        for path in worker_metrics.folder(state).glob("*.json")
    ]
    return sum(n for table in tables for key, n in table.items() if key.startswith("requests"))


def _workers(made):
    try:
        return made.status()["workers"]
    except httpx.TransportError:
        return []


def test_a_ledger_that_somebody_writes_to_for_long_does_not_stop_the_router(fresh):
    fresh.know(fresh.version("v1"))
    fresh.split({"v1": 10_000})
    writer = sqlite3.connect(fresh.folder / "ledger.db")
    writer.execute("BEGIN IMMEDIATE")
    try:
        fresh.router()
        assert fresh.predict({}).status_code == 200
        assert httpx.get(f"{fresh.url}/v2/health/ready", timeout=120).json()["ledger"] == "answers"
    finally:
        writer.close()


def test_while_postgresql_is_stopped_the_last_split_stays_in_force_and_it_is_said(
    postgres_server, postgres_url, tmp_path
):
    with router_harness(tmp_path, database_url=postgres_url) as made:
        made.know(made.version("v1"), made.version("v2"))
        made.split({"v1": 10_000})
        made.router()
        postgres_server.stop()
        until(lambda: "away" in _ready(made).json()["ledger"], "it is said", 30)
        assert made.predict({}).status_code == 200
        assert _ready(made).status_code == 200
        token = made.predict({"x": 0.5}).headers["x-prediction-id"]
        lost = httpx.post(
            f"{made.url}/feedback", json={"prediction_id": token, "label": 1}, timeout=120
        )
        assert (lost.status_code, lost.headers["retry-after"]) == (503, "5")
        postgres_server.start()
        until(lambda: _ready(made).json()["ledger"] == "answers", "the ledger answers again", 30)
        made.follows(made.split({"v1": 0, "v2": 10_000}, released="v2"))
        assert made.predict({}).headers["x-model-version"] == "v2"


def _ready(made):
    return httpx.get(f"{made.url}/v2/health/ready", timeout=120)


def test_a_router_started_while_postgresql_is_away_serves_the_last_split(
    postgres_server, postgres_url, tmp_path
):
    with router_harness(tmp_path, database_url=postgres_url) as made:
        made.know(made.version("v1"))
        made.split({"v1": 10_000})
        made.router()
        assert made.predict({}).status_code == 200
        made.kill("router", signal.SIGTERM)
        (tmp_path / "router.log").unlink()
        postgres_server.stop()
        try:
            made.router()
            assert made.predict({}).status_code == 200
            assert "away" in _ready(made).json()["ledger"]
        finally:
            postgres_server.start()


def test_shadows_are_compared_and_never_answer(fresh):
    fresh.know(fresh.version("v1"), fresh.version("v2"))
    fresh.split({"v1": 10_000}, shadows={"v2": 10_000})
    fresh.router()
    answers = [fresh.predict({"x": 1.0}) for _ in range(10)] + [fresh.predict({}) for _ in range(5)]
    answers.append(fresh.predict({"x": 1, "status": 500, "at": "v2"}))
    assert {answer.headers["x-model-version"] for answer in answers} == {"v1"}
    compared = {"agree": 10, "differ": 5, "error": 1, "dropped": 0}
    until(lambda: fresh.status()["versions"]["v2"]["shadow"] == compared, f"{compared}")


def test_a_shadow_gets_only_its_share(fresh):
    fresh.know(fresh.version("v1"), fresh.version("v2"))
    fresh.split({"v1": 10_000}, shadows={"v2": 2_500})
    fresh.router()
    for _ in range(40):
        fresh.predict({"x": 1.0})

    until(lambda: fresh.status()["versions"]["v2"]["shadow"]["agree"] == 10, "10 of 40 were copied")


def test_a_slow_version_does_not_hold_a_fast_one_and_overload_is_shed(tmp_path):
    limits = "max_queue_rows = 4\nmax_batch_rows = 1\nversion_timeout_ms = 60000\n"
    settings = f"[router]\nfallback = false\n[router.limits]\n{limits}"
    with router_harness(tmp_path, settings=settings) as made:
        made.know(made.version("v1"), made.version("v2"))
        made.split({"v1": 10_000})
        made.router()
        # It answers nothing until all is seen, however fast the host is.
        os.killpg(made.processes["v2"].pid, signal.SIGSTOP)
        try:
            with ThreadPoolExecutor(24) as threads:
                flood = [
                    threads.submit(made.predict, {}, **{"X-Model-Version": "v2"}) for _ in range(20)
                ]
                until(
                    lambda: made.status()["versions"]["v2"]["queue_rows"] == 4,
                    "the queue of v2 is full",
                )
                assert made.predict({}).status_code == 200
                shed = made.predict({}, **{"X-Model-Version": "v2"})
                os.killpg(made.processes["v2"].pid, signal.SIGCONT)
                codes = sorted(future.result().status_code for future in flood)
        finally:
            os.killpg(made.processes["v2"].pid, signal.SIGCONT)

        assert (shed.status_code, shed.headers["retry-after"], shed.json()["reason"]) == (
            503,
            "1",
            "shed",
        )
        assert set(codes) == {200, 503}


def test_a_hung_version_rests_after_three_time_outs(tmp_path):
    settings = "[router.limits]\nversion_timeout_ms = 100\n"
    with router_harness(tmp_path, settings=settings) as made:
        made.know(made.version("v1"), made.version("v2"))
        made.split({"v1": 0, "v2": 10_000})
        made.router()
        os.killpg(made.processes["v2"].pid, signal.SIGSTOP)
        rests = 'sluice_fallbacks_total{reason="suspended",version="v2"}'

        def is_spared() -> bool:
            # It rests for a second, which a slow host may spend on one request.
            answers = [made.predict({}) for _ in range(10)]
            assert {answer.status_code for answer in answers} == {200}
            return rests in httpx.get(f"{made.url}/metrics", timeout=120).text

        try:
            until(is_spared, "requests go past the hung version")
        finally:
            os.killpg(made.processes["v2"].pid, signal.SIGCONT)


def test_a_ramp_by_the_clock_is_taken_to_release_by_the_workers_once_a_step(tmp_path):
    with router_harness(tmp_path, workers=2) as made:
        made.know(made.version("v1"), made.version("v2"))
        made.split({"v1": 10_000})
        steps = (Step(2000, 0.1), Step(6000, 0.1), Step(10_000))
        ramp = Rollout("toy:ramp:v2:2", "ramp", "v2", "v1", steps, 0, 0.0, 0.0, "test")
        made.split({"v1": 8000, "v2": 2000})
        made.record(replace(made.ledger, rollout=ramp))
        made.router()
        until(lambda: made.status()["asked"] == {"v2": 10_000}, "v2 is released", 15)
        history = made.store.history()
        assert [entry.actor for entry in history[:2]] == ["conductor", "conductor"]
        assert history[0].body["released"] == "v2"
        assert made.store.verify() == len(history)


@pytest.mark.parametrize("secret", ["SLUICE_SERVICE_SECRET", "SLUICE_TOKEN_KEY"])
def test_a_missing_secret_is_named_at_start(secret, tmp_path):
    settings = tmp_path / "deploy.toml"
    settings.write_text("")
    from router.config import RouterMisconfigured, from_environment

    environ = {
        "SLUICE_SERVICE_SECRET": "s" * 16,
        "SLUICE_TOKEN_KEY": "t" * 16,
        "SLUICE_CONFIG": str(settings),
    }
    environ.pop(secret)
    with pytest.raises(RouterMisconfigured, match=secret):
        from_environment(environ)


def test_a_deleted_record_is_said_while_the_last_split_stays_in_force(fresh):
    fresh.know(fresh.version("v1"))
    fresh.split({"v1": 10_000})
    fresh.router()
    moved = fresh.folder / "away"
    moved.mkdir()
    for path in fresh.folder.glob("ledger*.db*"):
        path.rename(moved / path.name)

    until(lambda: "the file is gone" in _ready(fresh).json()["ledger"], "it is said")
    assert fresh.predict({}).status_code == 200
    for path in moved.iterdir():
        path.rename(fresh.folder / path.name)

    until(lambda: _ready(fresh).json()["ledger"] == "answers", "it answers again")


def test_a_record_that_is_suddenly_empty_is_not_followed(fresh):
    fresh.know(fresh.version("v1"))
    fresh.split({"v1": 10_000})
    fresh.router()
    other = engine(f"sqlite:///{fresh.folder}/other/ledger.db")
    LedgerStore(other, "toy").create()
    other.dispose()
    for path in fresh.folder.glob("ledger*.db-*"):
        path.unlink()

    (fresh.folder / "other" / "ledger.db").rename(fresh.folder / "ledger.db")
    until(lambda: "The record is empty" in _ready(fresh).json()["ledger"], "it is said")
    assert fresh.predict({}).status_code == 200
