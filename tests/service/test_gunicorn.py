"""One version as it really runs: the Procfile's command, two workers, a unix socket."""

import json
import os
import shlex
import signal
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from service.app import LARGEST_BODY
from tests.delivery.delivery_harness import ROOT, resign, vouch
from tests.delivery.loan_pipelines import ROW
from tests.process_tree import descendants_of, has_ended
from tests.service.service_client import SECRET, tensors
from tests.until import until

COMMAND = shlex.split(
    next(
        line for line in (ROOT / "Procfile").read_text().splitlines() if line.startswith("service:")
    ).partition(":")[2]
)
# As `up` finds it, whatever is on PATH.
COMMAND[0] = str(Path(sys.executable).parent / COMMAND[0])
GRACEFUL_S = 30
BEARING = {"Authorization": f"Bearer {SECRET}"}


class Process:
    """A service in a process of its own."""

    def __init__(self, folder: Path, bundle: Path, public: Path, **more: str) -> None:
        self.folder, self.socket, self.log = folder, folder / "s", folder / "log"
        own = {
            "SLUICE_BUNDLE": str(bundle),
            "SLUICE_PUBLIC_KEY": str(public),
            "SLUICE_SERVICE_SECRET": SECRET,
        }
        own |= {"SLUICE_BIND": f"unix:{self.socket}", "WEB_CONCURRENCY": "2", "TMPDIR": str(folder)}
        with self.log.open("wb") as log:
            # A group of its own, so that whatever fails, no worker is left.
            env = os.environ | own | more
            self.running = subprocess.Popen(
                COMMAND, cwd=ROOT, env=env, stdout=log, stderr=log, process_group=0
            )

    def client(self, **more) -> httpx.Client:
        """A client of its socket that bears the secret."""
        return httpx.Client(
            transport=httpx.HTTPTransport(uds=str(self.socket)),
            base_url="http://v1",
            timeout=20,
            **more,
        )

    def end(self) -> int:
        """Ask it to end, and wait; returns its exit code."""
        if self.running.poll() is None:
            self.running.send_signal(signal.SIGTERM)

        try:
            return self.running.wait(300)
        except subprocess.TimeoutExpired:
            os.killpg(self.running.pid, signal.SIGKILL)
            raise

    def listens(self) -> bool:
        """Whether it takes connections, which it does only once it has proved itself."""
        assert self.running.poll() is None, self.log.read_text()
        with socket.socket(socket.AF_UNIX) as caller:
            return caller.connect_ex(str(self.socket)) == 0

    def serves(self) -> bool:
        """Whether a worker has begun to serve, as its log tells; one that is told to end before may
        not hear it.
        """
        return "ASGI server listening" in self.log.read_text()


@contextmanager
def process(*arguments, **more):
    """A service that serves, ended afterwards."""
    made = Process(*arguments, **more)
    try:
        until(made.listens, "the service listens")
        until(made.serves, "a worker serves")
        yield made
    finally:
        made.end()


@pytest.fixture(scope="module")
def running(harness, delivered, tmp_path_factory):
    """A service that nothing breaks."""
    with process(tmp_path_factory.mktemp("s"), delivered("strict"), harness.public) as made:
        yield made


@pytest.fixture
def client(running):
    """A client of it that bears the secret."""
    with running.client(headers=BEARING) as made:
        yield made


def counted(client, name, **labels):
    """The value of a sample at /metrics, 0 where there is none yet."""
    families = text_string_to_metric_families(client.get("/metrics").text)
    samples = [sample for family in families for sample in family.samples]
    return sum(s.value for s in samples if s.name == name and labels.items() <= s.labels.items())


def test_it_predicts_infers_and_is_ready(client):
    assert client.post("/predict", json={"instances": [ROW]}).json()["classes"] == [0, 1]
    assert (
        client.post("/v2/models/loans/infer", json={"inputs": tensors(ROW)}).json()["model_version"]
        == "strict"
    )
    assert client.get("/v2/health/ready").json() == {"ready": True}


def test_a_stranger_reaches_liveness_only(running):
    with running.client() as stranger:
        assert stranger.get("/v2/health/live").status_code == 200
        assert stranger.post("/predict", json={"instances": [ROW]}).status_code == 401
        assert stranger.get("/metrics").status_code == 401


def test_its_socket_is_for_its_owner_alone(running):
    assert running.socket.stat().st_mode & 0o777 == 0o700


def test_its_secret_is_in_no_line_of_its_log(client, running):
    client.get("/nowhere", headers={"Authorization": "Bearer wrong"})
    assert SECRET not in running.log.read_text()


def test_the_metrics_have_the_names_that_the_documents_tell(client):
    client.post("/predict", json={"instances": [ROW]})
    answer = client.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain")
    families = {family.name: family.type for family in text_string_to_metric_families(answer.text)}
    assert families == {
        "sluice_service_requests": "counter",
        "sluice_service_rows": "counter",
        "sluice_service_predict_duration_seconds": "histogram",
        "sluice_service_batch_rows": "histogram",
        "sluice_service_info": "gauge",
    }
    assert counted(client, "sluice_service_info", version="strict", runtime="onnx") == 1


def test_requests_rows_and_seconds_of_all_workers_are_added_up(running, client):
    names = (
        "requests_total",
        "rows_total",
        "batch_rows_count",
        "batch_rows_sum",
        "predict_duration_seconds_count",
    )

    def now():
        return [counted(client, f"sluice_service_{name}", version="strict") for name in names[2:]]

    def of(name, **labels):
        return counted(client, f"sluice_service_{name}", version="strict", **labels)

    before = (
        now(),
        of("requests_total", code="422"),
        of("rows_total", outcome="predicted"),
        of("rows_total", outcome="refused"),
    )

    def ask(_):
        # A connection each, so that both workers answer some.
        with running.client(headers=BEARING) as mine:
            return mine.post(
                "/predict", json={"instances": [ROW, {**ROW, "age": "old"}, ROW]}
            ).status_code

    with ThreadPoolExecutor(8) as threads:
        assert set(threads.map(ask, range(40))) == {422}

    assert now() == [before[0][0] + 40, before[0][1] + 120, before[0][2] + 40]
    assert of("requests_total", code="422") == before[1] + 40
    assert of("rows_total", outcome="predicted") == before[2] + 80
    assert of("rows_total", outcome="refused") == before[3] + 40


def test_an_answer_names_its_process_among_all_of_them(running):
    named = set()

    def both_answered():
        # A connection each, so that both workers answer some.
        with running.client(headers=BEARING) as mine:
            answer = mine.post("/predict", json={"instances": [ROW]})
            named.add(answer.headers["x-sluice-process"])
        return len(named) == 2

    until(both_answered, "both processes answered")
    assert {name.partition("/")[2] for name in named} == {"2"}


def test_every_status_is_counted(client):
    def of(code):
        return counted(client, "sluice_service_requests_total", version="strict", code=code)

    asked = {
        "400": lambda: client.post("/predict", content=b"{"),
        "401": lambda: client.get("/metrics", headers={"Authorization": ""}),
        "404": lambda: client.get("/nowhere"),
        "405": lambda: client.get("/predict"),
        "500": lambda: client.post("/predict", json={"instances": [{**ROW, "city": "Rome"}]}),
    }
    for code, ask in asked.items():
        before = of(code)
        assert str(ask().status_code) == code
        assert of(code) == before + 1


@pytest.mark.parametrize("more", [{}, {"X-Sluice-Batch": "1"}, {"Authorization": "Bearer wrong"}])
@pytest.mark.parametrize(
    "rows",
    [
        [ROW],
        [],
        [ROW, {**ROW, "age": "old"}, {**ROW, "city": "Rome"}, ROW],
        [{**ROW, "city": "Rome"}],
        {},
        [[[]]],
    ],
)
def test_a_body_with_a_length_and_one_without_go_different_ways_and_get_the_same_answer(
    client, rows, more
):
    body = json.dumps({"instances": rows}).encode()
    short, long = (
        client.post("/predict", content=item, headers=more)
        for item in (body, iter([body[:9], body[9:]]))
    )
    assert short.status_code == long.status_code
    assert short.json() == long.json()
    for name in ("content-type", "x-model-version"):
        assert short.headers.get(name) == long.headers.get(name)


@pytest.mark.parametrize(
    "body", [b"", b"{", b"\xff", b'{"instances": [{"age": NaN}]}', b"[" * 99_999]
)
def test_a_malformed_body_is_refused_and_the_next_request_is_answered(client, body):
    answer = client.post("/predict", content=body)
    assert (answer.status_code, answer.headers["content-type"]) == (400, "application/problem+json")
    assert answer.json()["title"] == "malformed request"
    assert client.post("/predict", json={"instances": [ROW]}).status_code == 200


def test_a_body_that_is_too_large_is_refused(running):
    # It may be refused, and the connection closed, before all was sent.
    with running.client(headers=BEARING) as client, suppress(httpx.WriteError):
        assert client.post("/predict", content=b" " * (LARGEST_BODY + 1)).status_code == 413


def test_a_body_without_a_length_that_grows_too_large_is_cut_off_and_refused(client):
    piece = b" " * (1 << 20)

    def endless():
        for _ in range(LARGEST_BODY // len(piece) + 1):
            yield piece

    # It may be refused, and the connection closed, before all was sent.
    with suppress(httpx.WriteError):
        assert client.post("/predict", content=endless()).status_code in (400, 413)

    assert client.post("/predict", json={"instances": [ROW]}).status_code == 200


@pytest.mark.parametrize("asked", ["nothing", "a prediction"])
def test_it_ends_soon_when_told_and_leaves_nothing_behind(harness, delivered, tmp_path, asked):
    """Its workers are forked from what has loaded the model: threads of then are not there to join
    at their end.
    """
    with process(tmp_path, delivered("logistic"), harness.public, WEB_CONCURRENCY="1") as made:
        assert list(tmp_path.glob("sluice-service-*"))
        if asked == "a prediction":
            with made.client(headers=BEARING) as client:
                answer = client.post("/predict", json={"instances": [ROW]})
                assert answer.status_code == 200
                assert "x-sluice-process" not in answer.headers
        started = time.monotonic()
        assert made.end() == 0
        assert time.monotonic() - started < GRACEFUL_S, "it waited for somebody who would not come"

    assert not list(tmp_path.glob("sluice-service-*"))
    assert not made.socket.exists()


def test_it_ends_with_the_process_that_started_it_and_its_workers_too(harness, delivered, tmp_path):
    killed = os.fork()
    if killed == 0:
        try:
            bundle = delivered("logistic")
            Process(tmp_path, bundle, harness.public, SLUICE_PARENT=str(os.getpid()))
            signal.pause()
        finally:
            os._exit(1)

    log = tmp_path / "log"
    try:
        until(
            lambda: log.exists() and log.read_text().count("ASGI server listening") == 2,
            "both workers serve",
        )
        left = descendants_of(killed)
    finally:
        os.kill(killed, signal.SIGKILL)
        os.waitpid(killed, 0)

    assert len(left) == 3
    for number in left:
        until(lambda number=number: has_ended(number), "the arbiter and its workers end")


@pytest.mark.parametrize("fault", ["wrong answer", "other key", "no secret"])
def test_it_never_listens_when_it_cannot_prove_itself(harness, copy, tmp_path, fault):
    path, more = copy("logistic"), {}
    if fault == "no secret":
        more["SLUICE_SERVICE_SECRET"] = ""
    elif fault == "other key":
        resign(path, tmp_path / "keys")
    else:
        golden = path / "golden.jsonl"
        golden.write_bytes(golden.read_bytes().replace(b'"prediction":[0.', b'"prediction":[1.', 1))
        resign(
            path, harness.keys, lambda manifest: vouch(manifest, golden.name, golden.read_bytes())
        )

    made = Process(tmp_path, path, harness.public, **more)
    assert made.running.wait(300) != 0
    message = made.log.read_text()
    assert {
        "wrong answer": "line 1: predicts",
        "other key": "does not hold",
        "no secret": "SLUICE_SERVICE_SECRET",
    }[fault] in message
    assert "Listening" not in message
    assert not made.socket.exists()
