"""Labels are sent in bounded calls, each until it is taken, and to send them again is harmless."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from cli.render.exit_codes import DONE, REFUSED, Out
from cli.render.feedback import show_tally
from deployment.commands.feedback import MOST_LABELS, calls, feedback
from deployment.commands.label_file import BadLabels, LabelledRow
from deployment.workspace.errors import EdgeFailure, Interrupted, NotReadyInTime
from deployment.workspace.workspace import Workspace
from tests.deployment.project_harness import ProjectHarness


class ToyRouter:
    """Counts each id once. answers: statuses to give first."""

    def __init__(self) -> None:
        self.known: set[str] = set()
        self.sizes: list[int] = []
        self.answers: list[int] = []
        self.said: bytes | None = None
        own = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                status = own.answers.pop(0) if own.answers else 200
                if status == 0:
                    self.close_connection = True
                    return

                said = (
                    own.count(json.loads(body))
                    if status == 200
                    else {"detail": "the ledger is away"}
                )
                answer = own.said or json.dumps(said).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(
            target=self.server.serve_forever, kwargs={"poll_interval": 0.01}
        )
        self.thread.start()

    def count(self, labels: list[dict[str, Any]]) -> dict[str, Any]:
        """As the router does."""
        self.sizes.append(len(labels))
        good = [
            each["prediction_id"] for each in labels if not each["prediction_id"].startswith("bad")
        ]
        fresh = set(good) - self.known
        self.known |= fresh
        invalid = [
            {"index": index, "detail": "the id was not signed here"}
            for index, each in enumerate(labels)
            if each["prediction_id"].startswith("bad")
        ]
        said = {
            "counted": len(fresh),
            "duplicates": len(good) - len(fresh),
            "invalid": invalid[:100],
        }
        return {**said, "invalid_not_listed": len(invalid) - 100} if invalid[100:] else said

    def end(self) -> None:
        """Stop it."""
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


@pytest.fixture
def router(project: ProjectHarness) -> Iterator[ToyRouter]:
    """A toy router where `up` would have left its address."""
    made = ToyRouter()
    workspace = project.workspace()
    workspace.url_file.parent.mkdir(parents=True)
    workspace.url_file.write_text(f"http://127.0.0.1:{made.server.server_address[1]}")
    yield made
    made.end()


def file_of(workspace: Workspace, ids: list[str]) -> Path:
    """A CSV of labels."""
    path = workspace.state / "labels.csv"
    path.write_text("prediction_id,label\n" + "".join(f"{each},1\n" for each in ids))
    return path


def ids(count: int) -> list[str]:
    """So many ids."""
    return [f"id{number}" for number in range(count)]


def quiet(_seconds: float) -> None:
    """No pause."""


def test_labels_go_in_calls_of_at_most_a_thousand_and_again_they_are_duplicates(
    project: ProjectHarness, router: ToyRouter
) -> None:
    path = file_of(project.workspace(), ids(2_500))
    tally = feedback(project.workspace(), path, 60, project.said.append)
    assert (tally.rows, tally.sent, tally.counted, tally.duplicates, tally.invalid) == (
        2_500,
        2_500,
        2_500,
        0,
        0,
    )
    assert router.sizes == [MOST_LABELS, MOST_LABELS, 500]
    again = feedback(project.workspace(), path, 60, project.said.append)
    assert (again.counted, again.duplicates) == (0, 2_500)


def test_what_the_router_does_not_list_is_counted_too(
    project: ProjectHarness, router: ToyRouter
) -> None:
    path = file_of(project.workspace(), [f"bad{number}" for number in range(1_200)])
    tally = feedback(project.workspace(), path, 60, project.said.append)
    assert (tally.counted, tally.invalid, len(tally.first_invalid)) == (0, 1_200, 5)


def send(workspace: Workspace, out: Out, path: Path) -> int:
    """Send a file as the verb does; returns its exit code."""
    return show_tally(out, path, feedback(workspace, path, 10.0, out.say))


def test_what_is_not_ours_is_named_by_its_row_and_is_exit_1(
    project: ProjectHarness, router: ToyRouter, capsys: pytest.CaptureFixture[str]
) -> None:
    named = [f"bad{n}" if n % 200 == 0 else f"id{n}" for n in range(1, 1_601)]
    path = file_of(project.workspace(), named)
    assert send(project.workspace(), Out(False), path) == REFUSED
    said = capsys.readouterr().out
    assert f"✖ {path}: 1592 counted, 0 duplicates, 8 invalid" in said
    assert "row 200: the id was not signed here" in said
    assert "row 1000: the id" in said
    assert "and 3 more" in said
    good = file_of(project.workspace(), ["id1", "id2"])
    assert send(project.workspace(), Out(True), good) == DONE
    value = json.loads(capsys.readouterr().out)
    assert (value["act"], value["counted"], value["invalid"], value["first_invalid"]) == (
        "feedback",
        0,
        0,
        [],
    )


@pytest.mark.parametrize("status", [503, 502, 429, 0])
def test_a_router_that_cannot_answer_now_is_asked_again_after_growing_pauses(
    project: ProjectHarness, router: ToyRouter, status: int
) -> None:
    router.answers = [status] * 7
    pauses: list[float] = []
    tally = feedback(
        project.workspace(),
        file_of(project.workspace(), ids(3)),
        600,
        project.said.append,
        pauses.append,
    )
    assert tally.counted == 3
    assert pauses == [0.5, 1, 2, 4, 8, 15, 15]


def test_at_the_deadline_it_says_how_far_it_came(
    project: ProjectHarness, router: ToyRouter
) -> None:
    router.answers = [200] + [503] * 1_000
    path = file_of(project.workspace(), ids(1_200))
    with pytest.raises(
        NotReadyInTime, match=r"1000 of 1200 rows were sent .*503: the ledger is away; run it again"
    ):
        feedback(project.workspace(), path, 0.1, project.said.append, quiet)


def test_an_interruption_says_how_far_it_came(project: ProjectHarness, router: ToyRouter) -> None:
    router.answers = [200, 503]

    def interrupted(_seconds: float) -> None:
        raise KeyboardInterrupt

    path = file_of(project.workspace(), ids(1_200))
    with pytest.raises(
        Interrupted,
        match=r"interrupted: 1000 of 1200 rows were sent .*run it again: what was counted is",
    ):
        feedback(project.workspace(), path, 60, project.said.append, interrupted)

    assert feedback(project.workspace(), path, 60, project.said.append).counted == 200


@pytest.mark.parametrize("status", [400, 401, 413, 500])
def test_another_answer_is_no_success_and_not_repeated(
    project: ProjectHarness, router: ToyRouter, status: int
) -> None:
    router.answers = [status]
    with pytest.raises(
        EdgeFailure, match=f"answered {status} to /feedback: the ledger is away .0 of 3 rows"
    ):
        feedback(project.workspace(), file_of(project.workspace(), ids(3)), 60, project.said.append)


@pytest.mark.parametrize("said", [b"thanks", b"[]", b"{}"])
def test_an_answer_of_another_form_is_no_success(
    project: ProjectHarness, router: ToyRouter, said: bytes
) -> None:
    router.said = said
    with pytest.raises(EdgeFailure, match="cannot be read"):
        feedback(project.workspace(), file_of(project.workspace(), ids(3)), 60, project.said.append)


def test_nothing_is_sent_of_a_file_with_a_fault(project: ProjectHarness, router: ToyRouter) -> None:
    path = file_of(project.workspace(), [*ids(1_100), ""])
    with pytest.raises(BadLabels, match="row 1101"):
        feedback(project.workspace(), path, 60, project.said.append)
    assert router.sizes == []


def test_without_a_router_it_says_what_to_do(project: ProjectHarness) -> None:
    project.state.mkdir()
    with pytest.raises(EdgeFailure, match=r"`python deploy\.py up` first"):
        feedback(project.workspace(), file_of(project.workspace(), ids(1)), 60, project.said.append)


def test_no_call_is_larger_than_the_router_takes() -> None:
    rows = [LabelledRow(number, "x" * 50, "é" * 10) for number in range(1, 101)]
    made = list(calls(Path("f.csv"), iter(rows), 1_000))
    assert all(len(call.body) <= 1_000 for call in made)
    assert len(made) > 5
    assert [row for call in made for row in call.rows] == list(range(1, 101))
    assert sum(len(json.loads(call.body)) for call in made) == 100
    with pytest.raises(
        BadLabels, match=r"f\.csv, row 7: .* more than router\.limits\.max_feedback_bytes"
    ):
        list(calls(Path("f.csv"), [LabelledRow(7, "x" * 2_000, 1)], 1_000))


def test_a_file_of_any_length_is_read_in_pieces(project: ProjectHarness) -> None:
    """The first call is made while the rest is not read yet."""
    read: list[int] = []

    def endless() -> Iterator[LabelledRow]:
        for number in range(1, 10_000_000):
            read.append(number)
            yield LabelledRow(number, f"id{number}", 1)

    first = next(calls(Path("f.csv"), endless(), 1 << 20))
    assert len(first.rows) == MOST_LABELS
    assert len(read) <= MOST_LABELS + 1
