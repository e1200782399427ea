"""Locust in its own environment, against a server of the test's own."""

import os

import pytest

from load.locust_process import PYTHON, LocustFailed, LocustJob, figures_of, run_locust
from tests.load.toy_server import Handler, serving
from wire.load_mark import check_mark

KEY = b"k" * 32

needs_locust = pytest.mark.skipif(not PYTHON.exists(), reason="./scripts/setup.sh locust makes it")


def job(tmp_path) -> LocustJob:
    """Two rows and two units."""
    path = tmp_path / "bodies.jsonl"
    path.write_bytes(b'{"n":1}\n{"n":2}\n')
    return LocustJob("/predict", str(path), "X-Unit-Id", 2, "run1", KEY.hex(), 0.02, os.getpid())


@needs_locust
def test_its_users_send_rows_units_and_marks_and_its_table_has_a_line_a_version(tmp_path):
    page = tmp_path / "locust.html"
    with serving(Handler.plain) as server:
        host = server.url.removesuffix("/predict")
        run = run_locust(job(tmp_path), host, 2, 2.0, report=str(page))

    [entry] = run.entries
    assert (entry.name, entry.failures, run.failed) == ("v1", 0, False)
    assert entry.requests <= sum(server.asked.values())
    assert {unit for _, unit in server.asked} == {"load-0", "load-1"}
    assert {body for body, _ in server.asked} == {b'{"n":1}', b'{"n":2}'}
    [mark] = server.marks
    assert check_mark(KEY, mark, int(mark.split(".")[1]) - 1)
    assert page.stat().st_size > 0


@needs_locust
def test_a_failed_request_fails_the_run(tmp_path):
    with serving(lambda handler: handler.plain(500)) as server:
        run = run_locust(job(tmp_path), server.url.removesuffix("/predict"), 1, 1.0)

    assert run.failed
    assert sum(entry.failures for entry in run.entries) > 0


@needs_locust
def test_where_it_cannot_run_it_says_so(tmp_path):
    broken = LocustJob("/", str(tmp_path / "missing"), "", 0, "", "", 0.0, os.getpid())
    with pytest.raises(LocustFailed):
        run_locust(broken, "http://127.0.0.1:9", 1, 1.0)


@pytest.mark.parametrize(
    "out",
    [b"", b"[", b"[" * 5_000, b"{}x", b"[1]", b'[{"name": "v1"}]', b'[{"response_times": 1}]'],
)
def test_what_is_no_table_of_its_is_a_failure(out):
    with pytest.raises(LocustFailed, match="told no figures"):
        figures_of(out)
