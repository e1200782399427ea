"""A rehearsal: its settings, its users, and its report."""

import threading
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from deployment.commands.rehearse import RehearsalStep, Report, Users, on_heroku, rehearse
from deployment.workspace.errors import EdgeFailure
from deployment.workspace.workspace import workspace_from_environment
from rollout.settings import from_mapping
from tests.until import until

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize(
    "text",
    [
        (ROOT / "deploy.toml").read_text(),
        'model = "m"\n',
        "[deployment]\nthreads = 2\n",
        '[deployment]\ntarget = "local"\nthreads = 2\n[router]\nworkers = 2\n',
        '[deployment]\ntarget="heroku"\n',
    ],
)
def test_whatever_the_settings_are_only_their_target_is_heroku(text: str) -> None:
    before, after = tomllib.loads(text), tomllib.loads(on_heroku(text))
    assert from_mapping(after).deployment.target == "heroku"
    before.setdefault("deployment", {})["target"] = "heroku"
    assert after == before


@contextmanager
def front(status: int) -> Iterator[tuple[str, list[str]]]:
    """A front that answers everything with one status, and the hosts it was asked for."""
    hosts: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            hosts.append(self.headers["Host"])
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(status)
            self.send_header("Content-Length", "4")
            self.end_headers()
            self.wfile.write(b"said")

        def log_message(self, *_: object) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_port}", hosts
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.mark.parametrize(("status", "lost"), [(200, False), (503, True)])
def test_users_ask_for_the_router_by_its_name_and_count_what_fails_them(
    status: int, lost: bool
) -> None:
    with front(status) as (address, hosts), Users(address, "router.example", [b"{}"]) as users:
        until(lambda: users.requests >= 20, "users ask")
    assert set(hosts) == {"router.example"}
    assert users.failed == (users.requests if lost else 0)
    assert users.problems == (["503 said"] * 5 if lost else [])


def test_users_count_a_front_that_is_gone() -> None:
    with Users("127.0.0.1:9", "router.example", [b"{}"]) as users:
        until(lambda: users.failed >= 5, "they fail")
    assert "Refused" in users.problems[0]


def test_a_rehearsal_needs_two_versions(tmp_path: Path) -> None:
    here = workspace_from_environment(
        {"SLUICE_STATE": str(tmp_path), "SLUICE_RELEASES": str(tmp_path / "none")}
    )
    with pytest.raises(EdgeFailure, match="two delivered versions"):
        rehearse(here, lambda _: None)


@pytest.mark.parametrize(
    ("code", "failed", "unfit", "ok"),
    [(0, 0, 0, True), (1, 0, 0, False), (0, 1, 0, False), (0, 0, 1, False)],
)
def test_it_is_well_only_if_every_step_every_user_and_every_call_is(
    code: int, failed: int, unfit: int, ok: bool
) -> None:
    report = Report([RehearsalStep("up", 1.0, code)], 10, failed, [], 26.0, 0.87, 5, 0, unfit, [])
    assert report.ok is ok
