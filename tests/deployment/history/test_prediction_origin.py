"""Who answered a prediction: what the router reads in its id, and the ledger as it was then."""

import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from deployment.history.prediction_origin import lines, who_served
from deployment.workspace.errors import EdgeFailure, Misconfigured
from deployment.workspace.ledger import make_record, opened_record
from deployment.workspace.secrets import make_secrets
from tests.deployment.history.test_moment import ledger
from tests.deployment.project_harness import ProjectHarness

AT = datetime(2026, 5, 1, 12, tzinfo=UTC)
ID = {
    "version": "v2",
    "weight": 500,
    "at_ms": int(AT.timestamp() * 1000) + 1_234,
    "serial": 7,
    "scores": [0.25, 0.75],
    "classes": ["0", "1"],
    "rollout": 1,
    "unit": 99,
    "bets": True,
}


class ToyRouter:
    """Knows one id."""

    def __init__(self, secret: str) -> None:
        self.said: Any = ID
        own = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                allowed = self.headers["Authorization"] == f"Bearer {secret}"
                known = self.path == "/whoserved/a%2Fb"
                status = 401 if not allowed else 200 if known else 404
                body = own.said if status == 200 else {"detail": f"no, {status}"}
                self.send_response(status)
                self.end_headers()
                self.wfile.write(json.dumps(body).encode())

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(
            target=self.server.serve_forever, kwargs={"poll_interval": 0.01}
        )
        self.thread.start()


@pytest.fixture
def router(project: ProjectHarness) -> Iterator[ToyRouter]:
    """A toy router where `up` would have left its address."""
    workspace = project.workspace()
    workspace.url_file.parent.mkdir(parents=True)
    made = ToyRouter(make_secrets(workspace).operator)
    workspace.url_file.write_text(f"http://127.0.0.1:{made.server.server_address[1]}")
    yield made
    made.server.shutdown()
    made.server.server_close()
    made.thread.join()


def recorded(project: ProjectHarness) -> None:
    """One revision, a second before the prediction."""
    make_record(project.workspace())
    with opened_record(project.workspace()) as store:
        store.append(1, ledger().to_body(), "canary", "ana@test", "try it", AT)


def test_version_time_predictions_and_revision_are_told(
    project: ProjectHarness, router: ToyRouter
) -> None:
    recorded(project)
    origin = who_served(project.workspace(), "a/b")
    assert (origin["version"], origin["weight"], origin["rollout"]) == ("v2", 5.0, 1)
    assert origin["at"] == "2026-05-01T12:00:01.234+00:00"
    assert origin["predictions"] == [{"class": "0", "score": 0.25}, {"class": "1", "score": 0.75}]
    assert (origin["revision"]["revision"], origin["digest"]) == (1, "digest of v2")
    assert origin["more"] == {"unit": 99, "bets": True}
    text = "\n".join(lines(origin))
    for words in (
        "v2 answered",
        "5 % for the candidate of the rollout that began with revision 1",
        "2026-05-01 12:00:01 UTC",
        "0 (score 0.25), 1 (score 0.75)",
        'revision     1, ana@test: canary  "try it"',
        "digest of v2",
    ):
        assert words in text


def test_an_id_of_an_older_form_a_regression_and_many_rows_are_told_too(
    project: ProjectHarness, router: ToyRouter
) -> None:
    recorded(project)
    router.said = (
        {name: ID[name] for name in ("version", "at_ms", "serial")}
        | {"weight": 0}
        | {
            "scores": [2.5],
            "classes": [""],
        }
    )
    origin = who_served(project.workspace(), "a/b")
    assert origin["predictions"] == [{"class": None, "score": 2.5}]
    assert "5 % for v2, no rollout was in progress" in "\n".join(lines(origin))
    router.said = router.said | {"scores": [], "classes": [], "version": "v9"}
    text = "\n".join(lines(who_served(project.workspace(), "a/b")))
    assert "not in the id: too many rows" in text
    assert "that revision does not name the version" in text


def test_without_the_ledger_the_id_is_told_all_the_same(
    project: ProjectHarness, router: ToyRouter
) -> None:
    router.said = ID | {"rollout": 0, "weight": 0}
    assert "not known: no rollout was in progress" in "\n".join(
        lines(who_served(project.workspace(), "a/b"))
    )
    router.said = ID
    origin = who_served(project.workspace(), "a/b")
    assert (origin["version"], origin["revision"]) == ("v2", None)
    assert "note: the ledger does not tell which revision was in force" in "\n".join(lines(origin))


def test_an_id_that_is_not_ours_is_refused_with_the_routers_words(
    project: ProjectHarness, router: ToyRouter
) -> None:
    with pytest.raises(EdgeFailure, match="no, 404"):
        who_served(project.workspace(), "forged")


@pytest.mark.parametrize(
    "said", [{}, [], {**ID, "at_ms": None}, {**ID, "scores": [1.0], "classes": []}]
)
def test_an_answer_of_another_form_is_refused(
    project: ProjectHarness, router: ToyRouter, said: Any
) -> None:
    router.said = said
    with pytest.raises(EdgeFailure, match="cannot be read"):
        who_served(project.workspace(), "a/b")


def test_without_a_router_it_says_what_to_do(project: ProjectHarness) -> None:
    with pytest.raises(Misconfigured, match=r"`python deploy\.py up`"):
        who_served(project.workspace(), "a/b")

    project.state.mkdir()
    make_secrets(project.workspace())
    with pytest.raises(EdgeFailure, match=r"`python deploy\.py up` first"):
        who_served(project.workspace(), "a/b")
