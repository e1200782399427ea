"""The local target with real processes: they start, come back, survive the terminal, and end."""

import os
import signal
import socket
import sys
from pathlib import Path

import pytest

from deployment.router_client import router_lives, router_url
from deployment.workspace.errors import EdgeFailure, Misconfigured, NotReadyInTime
from deployment.workspace.secrets import read_secrets
from deployment.workspace.workspace import Workspace
from targets.local import supervisor_client
from targets.local.orphans import end_left_behind, left_behind, supervisors
from targets.local.programs import service_program
from targets.local.stack import down, up
from targets.local.supervisor_client import Supervisor
from targets.local.supervisord_conf import Program, pid_file, socket_path
from targets.local.target import LocalTarget
from tests.deployment.project_harness import ProjectHarness, kill, until
from tests.postgres import postgres_server, postgres_url

__all__ = ["postgres_server", "postgres_url"]


def daemon_pid(workspace: Workspace) -> int | None:
    """The daemon's process id while it lives."""
    try:
        pid = int(pid_file(workspace).read_text())
        os.kill(pid, 0)
        return pid
    except (OSError, ValueError):
        return None


def pid_of(project: ProjectHarness, program: str) -> int:
    """Its process, 0 while it has none."""
    process = Supervisor(project.workspace()).process(program)
    return process.pid if process else 0


def test_up_runs_the_router_and_what_the_ledger_names_and_down_leaves_nothing(
    project: ProjectHarness,
) -> None:
    project.deliver("v1")
    first = up(project.workspace(), project.said.append)
    assert (first.already, first.versions, first.failed) == (False, (), {})
    assert router_lives(first.url)
    project.act("deploy", "v1")
    assert down(project.workspace(), project.said.append) == 2
    assert left_behind(project.workspace()) == []
    assert not router_lives(first.url)
    again = up(project.workspace(), project.said.append)
    assert (again.versions, again.failed) == (("v1",), {})
    assert set(Supervisor(project.workspace()).processes()) == {"router", "v1-1"}
    down(project.workspace(), project.said.append)
    assert down(project.workspace(), project.said.append) == 0
    assert list((project.state / "supervisor.d").iterdir()) == []
    assert list(project.workspace().run.glob("v*.sock")) == []


LOSES_TWO = """
import pathlib, signal, sys
left = [2]
def told(*_):
    left[0] -= 1
    if left[0] < 0:
        pathlib.Path(sys.argv[1]).write_text("ended")
        sys.exit()
signal.signal(signal.SIGTERM, told)
pathlib.Path(sys.argv[1]).write_text("runs")
while True:
    signal.pause()
"""


def test_a_program_that_loses_signals_is_asked_again_and_ends_by_itself(
    project: ProjectHarness,
) -> None:
    up(project.workspace(), project.said.append)
    supervisor, note = Supervisor(project.workspace()), project.state / "note"
    script = project.state / "loses_two.py"
    script.write_text(LOSES_TWO)
    supervisor.add(Program("v1-1", (sys.executable, str(script), str(note))))
    until(lambda: note.exists() and note.read_text() == "runs", "it runs")
    supervisor.remove("v1-1")
    assert note.read_text() == "ended"


def test_a_supervisor_that_does_not_answer_is_no_supervisor_that_is_not_there(
    project: ProjectHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    up(project.workspace(), project.said.append)
    pid = daemon_pid(project.workspace())
    assert pid is not None
    monkeypatch.setattr(supervisor_client, "ANSWER_S", 0.2)
    os.kill(pid, signal.SIGSTOP)
    try:
        with pytest.raises(NotReadyInTime, match="did not answer within"):
            LocalTarget(project.workspace()).stop("v1-1")
    finally:
        os.kill(pid, signal.SIGCONT)


def test_a_killed_version_comes_back_and_up_twice_repairs_what_is_missing(
    project: ProjectHarness,
) -> None:
    project.deliver("v1")
    up(project.workspace(), project.said.append)
    project.act("deploy", "v1")
    before = pid_of(project, "v1-1")
    kill(before)
    until(lambda: pid_of(project, "v1-1") not in (0, before), "v1-1 is started again")
    Supervisor(project.workspace()).remove("v1-1")
    stray = project.workspace().address("v1-99")
    Supervisor(project.workspace()).add(service_program(project.workspace(), "v1", "v1-99", stray))
    repaired = up(project.workspace(), project.said.append)
    assert (repaired.already, repaired.failed) == (True, {})
    assert set(Supervisor(project.workspace()).processes()) == {"router", "v1-1"}


def test_processes_outlive_whoever_brought_them_up_and_carry_secrets_only_in_their_environment(
    project: ProjectHarness,
) -> None:
    project.deliver("v1")
    project.run("up", database=f"sqlite:///{project.state}/ledger.db?timeout=5")
    pid = daemon_pid(project.workspace())
    assert pid is not None
    assert os.getsid(pid) != os.getsid(0)
    project.act("deploy", "v1")
    secrets = read_secrets(project.workspace())
    written = [
        path
        for path in project.folder.rglob("*")
        if path.is_file() and path.parent.name != "secrets"
    ]
    for path in written:
        assert secrets.service.encode() not in path.read_bytes(), path
        assert secrets.token.encode() not in path.read_bytes(), path
        assert secrets.operator.encode() not in path.read_bytes(), path

    environment = Path(f"/proc/{pid_of(project, 'v1-1')}/environ").read_bytes()
    assert secrets.service.encode() in environment
    assert secrets.token.encode() not in environment
    assert secrets.operator.encode() not in environment
    assert b"timeout=5" not in environment


def test_what_a_killed_supervisor_left_behind_is_ended_by_the_next_up(
    project: ProjectHarness,
) -> None:
    url = up(project.workspace(), project.said.append).url
    pid = daemon_pid(project.workspace())
    assert pid is not None
    kill(pid)
    until(
        lambda: (
            daemon_pid(project.workspace()) is None or not Supervisor(project.workspace()).answers()
        ),
        "it is gone",
    )
    assert left_behind(project.workspace())
    port = url.rpartition(":")[2]
    again = up(project.workspace(PORT=port), project.said.append)
    assert (again.url, again.already) == (url, False)
    assert "whose supervisor was gone" in "".join(project.said)


def supervisor_killed(project: ProjectHarness) -> None:
    """The supervisor's end without a goodbye."""
    pid = daemon_pid(project.workspace())
    assert pid is not None
    kill(pid)
    until(lambda: not Supervisor(project.workspace()).answers(), "it is gone")


def test_a_supervisor_without_its_socket_is_named_and_ended_before_another_one_starts(
    project: ProjectHarness,
) -> None:
    url = up(project.workspace(), project.said.append).url
    [first] = supervisors(project.workspace())
    for path in (socket_path(project.workspace()), pid_file(project.workspace())):
        path.unlink()

    said = project.run("doctor", code=1)
    assert f"it runs (pid {first}) but does not answer" in " ".join((said.out + said.err).split())
    assert up(project.workspace(), project.said.append).url == url
    [second] = supervisors(project.workspace())
    assert second != first
    assert f"stopped the supervisor (pid {first}) that did not answer" in "".join(project.said)


def test_down_ends_a_supervisor_whose_socket_is_gone(project: ProjectHarness) -> None:
    url = up(project.workspace(), project.said.append).url
    socket_path(project.workspace()).unlink()
    assert down(project.workspace(), project.said.append) > 0
    assert supervisors(project.workspace()) == left_behind(project.workspace()) == []
    assert not router_lives(url)


def test_a_version_whose_socket_was_deleted_is_started_again_by_up(project: ProjectHarness) -> None:
    project.deliver("v1")
    up(project.workspace(), project.said.append)
    project.act("deploy", "v1")
    before = pid_of(project, "v1-1")
    Path(project.workspace().address("v1-1").removeprefix("unix:")).unlink()
    assert up(project.workspace(), project.said.append).failed == {}
    assert pid_of(project, "v1-1") not in (0, before)
    again = pid_of(project, "v1-1")
    assert up(project.workspace(), project.said.append).failed == {}
    assert pid_of(project, "v1-1") == again


def test_after_the_supervisors_death_the_router_comes_back_where_it_was(
    project: ProjectHarness,
) -> None:
    first = up(project.workspace(), project.said.append).url
    for asked in ("0", ""):
        supervisor_killed(project)
        assert up(project.workspace(PORT=asked), project.said.append).url == first


def test_a_port_that_is_taken_meanwhile_is_said_and_another_one_is_had(
    project: ProjectHarness,
) -> None:
    first = up(project.workspace(), project.said.append).url
    supervisor_killed(project)
    end_left_behind(project.workspace())
    host, _, port = first.removeprefix("http://").partition(":")
    with socket.create_server((host, int(port))):
        again = up(project.workspace(), project.said.append).url

    assert again != first
    assert f"port {port}, which the router had, is taken by another process" in project.said
    assert router_lives(again)


def test_a_record_that_was_deleted_under_a_running_stack_is_named_and_nothing_is_ended(
    project: ProjectHarness,
) -> None:
    project.deliver("v1")
    up(project.workspace(), project.said.append)
    project.act("deploy", "v1")
    for path in project.state.glob("ledger*.db*"):
        path.unlink()

    with pytest.raises(EdgeFailure, match="was deleted while the stack runs"):
        up(project.workspace(), project.said.append)

    said = project.run("doctor", code=1)
    assert "ledger.db was deleted while the stack runs" in " ".join((said.out + said.err).split())
    assert list(project.state.glob("ledger.db")) == []
    assert set(Supervisor(project.workspace()).processes()) == {"router", "v1-1"}


def test_the_same_on_postgresql_whose_url_reaches_only_the_router(
    project: ProjectHarness, postgres_url: str
) -> None:
    project.deliver("v1")
    up(project.workspace(DATABASE_URL=postgres_url), project.said.append)
    project.run("deploy", "v1", database=postgres_url)
    assert (
        "✔ promote: v1 released (revision 2"
        in project.run("promote", "v1", database=postgres_url).out
    )
    seen = project.run("status", "--json", database=postgres_url).json
    assert (seen["released"], seen["router_revision"], seen["notes"]) == ("v1", 2, [])
    assert not (project.state / "ledger.db").exists()
    environment = Path(f"/proc/{pid_of(project, 'v1-1')}/environ").read_bytes()
    assert postgres_url.encode() not in environment


def test_a_port_in_use_is_refused_before_anything_starts(project: ProjectHarness) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(Misconfigured, match="up --port 0"):
            up(project.workspace(PORT=str(taken.getsockname()[1])), project.said.append)

    assert left_behind(project.workspace()) == []


def test_who_connects_while_the_router_is_started_again_waits_and_is_refused_once_it_is_down(
    project: ProjectHarness,
) -> None:
    host, _, port = (
        up(project.workspace(), project.said.append).url.removeprefix("http://").partition(":")
    )
    before = pid_of(project, "router")
    kill(before)
    with socket.create_connection((host, int(port)), timeout=300) as client:
        client.sendall(b"GET /v2/health/live HTTP/1.0\r\n\r\n")
        assert client.recv(65536).startswith(b"HTTP/1.0 200")

    assert pid_of(project, "router") != before
    down(project.workspace(), project.said.append)
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((host, int(port)))


def test_a_router_that_cannot_run_leaves_nothing_behind(project: ProjectHarness) -> None:
    (project.folder / "Procfile").write_text(
        "router: python -c 'raise SystemExit(3)'\nservice: python -V\n"
    )
    with pytest.raises(EdgeFailure, match=r"the router ended at once .*router\.log"):
        up(project.workspace(), project.said.append)

    assert left_behind(project.workspace()) == []
    assert router_url(project.workspace()) is None


def test_a_version_whose_bundle_was_changed_is_not_started_again_and_the_rest_is(
    project: ProjectHarness,
) -> None:
    project.deliver("v1")
    up(project.workspace(), project.said.append)
    project.act("deploy", "v1")
    down(project.workspace(), project.said.append)
    golden = project.folder / "releases" / "v1" / "golden.jsonl"
    golden.write_text(golden.read_text().replace("2", "3"))
    found = up(project.workspace(), project.said.append)
    assert router_lives(found.url)
    assert "golden.jsonl was changed" in found.failed["v1"]
    assert set(Supervisor(project.workspace()).processes()) == {"router"}


def test_stopping_what_was_never_started_is_nothing(running: ProjectHarness) -> None:
    LocalTarget(running.workspace()).stop("v7-7")
