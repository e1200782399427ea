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
from targets.local import supervisor_client
from targets.local.orphans import end_left_behind, left_behind, supervisors
from targets.local.programs import service_program
from targets.local.stack import down, up
from targets.local.supervisor_client import Supervisor
from targets.local.supervisor_daemon import daemon_pid
from targets.local.supervisord_conf import Program, pid_file, socket_path
from targets.local.target import LocalTarget
from tests.deployment.project_harness import Stage, kill, until
from tests.postgres import postgres_server, postgres_url

__all__ = ["postgres_server", "postgres_url"]


def pid_of(stage: Stage, program: str) -> int:
    """Its process, 0 while it has none."""
    process = Supervisor(stage.workspace()).process(program)
    return process.pid if process else 0


def test_up_runs_the_router_and_what_the_ledger_names_and_down_leaves_nothing(stage: Stage) -> None:
    stage.deliver("v1")
    first = up(stage.workspace(), stage.said.append)
    assert (first.already, first.versions, first.failed) == (False, (), {})
    assert router_lives(first.url)
    stage.act("deploy", "v1")
    assert down(stage.workspace(), stage.said.append) == 2
    assert left_behind(stage.workspace()) == []
    assert not router_lives(first.url)
    again = up(stage.workspace(), stage.said.append)
    assert (again.versions, again.failed) == (("v1",), {})
    assert set(Supervisor(stage.workspace()).processes()) == {"router", "v1-1"}
    down(stage.workspace(), stage.said.append)
    assert down(stage.workspace(), stage.said.append) == 0
    assert list((stage.state / "supervisor.d").iterdir()) == []
    assert list(stage.workspace().run.glob("v*.sock")) == []


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


def test_a_program_that_loses_signals_is_asked_again_and_ends_by_itself(stage: Stage) -> None:
    up(stage.workspace(), stage.said.append)
    supervisor, note = Supervisor(stage.workspace()), stage.state / "note"
    script = stage.state / "loses_two.py"
    script.write_text(LOSES_TWO)
    supervisor.add(Program("v1-1", (sys.executable, str(script), str(note))))
    until(lambda: note.exists() and note.read_text() == "runs", "it runs")
    supervisor.remove("v1-1")
    assert note.read_text() == "ended"


def test_a_supervisor_that_does_not_answer_is_no_supervisor_that_is_not_there(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    up(stage.workspace(), stage.said.append)
    pid = daemon_pid(stage.workspace())
    assert pid is not None
    monkeypatch.setattr(supervisor_client, "ANSWER_S", 0.2)
    os.kill(pid, signal.SIGSTOP)
    try:
        with pytest.raises(NotReadyInTime, match="did not answer within"):
            LocalTarget(stage.workspace()).stop("v1-1")
    finally:
        os.kill(pid, signal.SIGCONT)


def test_a_killed_version_comes_back_and_up_twice_repairs_what_is_missing(stage: Stage) -> None:
    stage.deliver("v1")
    up(stage.workspace(), stage.said.append)
    stage.act("deploy", "v1")
    before = pid_of(stage, "v1-1")
    kill(before)
    until(lambda: pid_of(stage, "v1-1") not in (0, before), "v1-1 is started again")
    Supervisor(stage.workspace()).remove("v1-1")
    stray = stage.workspace().address("v1-99")
    Supervisor(stage.workspace()).add(service_program(stage.workspace(), "v1", "v1-99", stray))
    repaired = up(stage.workspace(), stage.said.append)
    assert (repaired.already, repaired.failed) == (True, {})
    assert set(Supervisor(stage.workspace()).processes()) == {"router", "v1-1"}


def test_processes_outlive_whoever_brought_them_up_and_carry_secrets_only_in_their_environment(
    stage: Stage,
) -> None:
    stage.deliver("v1")
    stage.run("up", database=f"sqlite:///{stage.state}/ledger.db?timeout=5")
    pid = daemon_pid(stage.workspace())
    assert pid is not None
    assert os.getsid(pid) != os.getsid(0)
    stage.act("deploy", "v1")
    secrets = read_secrets(stage.workspace())
    written = [
        path for path in stage.folder.rglob("*") if path.is_file() and path.parent.name != "secrets"
    ]
    for path in written:
        assert secrets.service.encode() not in path.read_bytes(), path
        assert secrets.token.encode() not in path.read_bytes(), path
        assert secrets.operator.encode() not in path.read_bytes(), path

    environment = Path(f"/proc/{pid_of(stage, 'v1-1')}/environ").read_bytes()
    assert secrets.service.encode() in environment
    assert secrets.token.encode() not in environment
    assert secrets.operator.encode() not in environment
    assert b"timeout=5" not in environment


def test_what_a_killed_supervisor_left_behind_is_ended_by_the_next_up(stage: Stage) -> None:
    url = up(stage.workspace(), stage.said.append).url
    pid = daemon_pid(stage.workspace())
    assert pid is not None
    kill(pid)
    until(
        lambda: (
            daemon_pid(stage.workspace()) is None or not Supervisor(stage.workspace()).answers()
        ),
        "it is gone",
    )
    assert left_behind(stage.workspace())
    port = url.rpartition(":")[2]
    again = up(stage.workspace(PORT=port), stage.said.append)
    assert (again.url, again.already) == (url, False)
    assert "whose supervisor was gone" in "".join(stage.said)


def supervisor_killed(stage: Stage) -> None:
    """The supervisor's end without a goodbye."""
    pid = daemon_pid(stage.workspace())
    assert pid is not None
    kill(pid)
    until(lambda: not Supervisor(stage.workspace()).answers(), "it is gone")


def test_a_supervisor_without_its_socket_is_named_and_ended_before_another_one_starts(
    stage: Stage,
) -> None:
    url = up(stage.workspace(), stage.said.append).url
    [first] = supervisors(stage.workspace())
    for path in (socket_path(stage.workspace()), pid_file(stage.workspace())):
        path.unlink()

    said = stage.run("doctor", code=1)
    assert f"it runs (pid {first}) but does not answer" in " ".join((said.out + said.err).split())
    assert up(stage.workspace(), stage.said.append).url == url
    [second] = supervisors(stage.workspace())
    assert second != first
    assert f"stopped the supervisor (pid {first}) that did not answer" in "".join(stage.said)


def test_down_ends_a_supervisor_whose_socket_is_gone(stage: Stage) -> None:
    url = up(stage.workspace(), stage.said.append).url
    socket_path(stage.workspace()).unlink()
    assert down(stage.workspace(), stage.said.append) > 0
    assert supervisors(stage.workspace()) == left_behind(stage.workspace()) == []
    assert not router_lives(url)


def test_a_version_whose_socket_was_deleted_is_started_again_by_up(stage: Stage) -> None:
    stage.deliver("v1")
    up(stage.workspace(), stage.said.append)
    stage.act("deploy", "v1")
    before = pid_of(stage, "v1-1")
    Path(stage.workspace().address("v1-1").removeprefix("unix:")).unlink()
    assert up(stage.workspace(), stage.said.append).failed == {}
    assert pid_of(stage, "v1-1") not in (0, before)
    again = pid_of(stage, "v1-1")
    assert up(stage.workspace(), stage.said.append).failed == {}
    assert pid_of(stage, "v1-1") == again


def test_after_the_supervisors_death_the_router_comes_back_where_it_was(stage: Stage) -> None:
    first = up(stage.workspace(), stage.said.append).url
    for asked in ("0", ""):
        supervisor_killed(stage)
        assert up(stage.workspace(PORT=asked), stage.said.append).url == first


def test_a_port_that_is_taken_meanwhile_is_said_and_another_one_is_had(stage: Stage) -> None:
    first = up(stage.workspace(), stage.said.append).url
    supervisor_killed(stage)
    end_left_behind(stage.workspace())
    host, _, port = first.removeprefix("http://").partition(":")
    with socket.create_server((host, int(port))):
        again = up(stage.workspace(), stage.said.append).url

    assert again != first
    assert f"port {port}, which the router had, is taken by another process" in stage.said
    assert router_lives(again)


def test_a_record_that_was_deleted_under_a_running_stack_is_named_and_nothing_is_ended(
    stage: Stage,
) -> None:
    stage.deliver("v1")
    up(stage.workspace(), stage.said.append)
    stage.act("deploy", "v1")
    for path in stage.state.glob("ledger*.db*"):
        path.unlink()

    with pytest.raises(EdgeFailure, match="was deleted while the stack runs"):
        up(stage.workspace(), stage.said.append)

    said = stage.run("doctor", code=1)
    assert "ledger.db was deleted while the stack runs" in " ".join((said.out + said.err).split())
    assert list(stage.state.glob("ledger.db")) == []
    assert set(Supervisor(stage.workspace()).processes()) == {"router", "v1-1"}


def test_the_same_on_postgresql_whose_url_reaches_only_the_router(
    stage: Stage, postgres_url: str
) -> None:
    stage.deliver("v1")
    up(stage.workspace(DATABASE_URL=postgres_url), stage.said.append)
    stage.run("deploy", "v1", database=postgres_url)
    assert (
        "✔ promote: v1 released (revision 2"
        in stage.run("promote", "v1", database=postgres_url).out
    )
    seen = stage.run("status", "--json", database=postgres_url).json
    assert (seen["released"], seen["router_revision"], seen["notes"]) == ("v1", 2, [])
    assert not (stage.state / "ledger.db").exists()
    environment = Path(f"/proc/{pid_of(stage, 'v1-1')}/environ").read_bytes()
    assert postgres_url.encode() not in environment


def test_a_port_in_use_is_refused_before_anything_starts(stage: Stage) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(Misconfigured, match="up --port 0"):
            up(stage.workspace(PORT=str(taken.getsockname()[1])), stage.said.append)

    assert left_behind(stage.workspace()) == []


def test_who_connects_while_the_router_is_started_again_waits_and_is_refused_once_it_is_down(
    stage: Stage,
) -> None:
    host, _, port = (
        up(stage.workspace(), stage.said.append).url.removeprefix("http://").partition(":")
    )
    before = pid_of(stage, "router")
    kill(before)
    with socket.create_connection((host, int(port)), timeout=300) as client:
        client.sendall(b"GET /v2/health/live HTTP/1.0\r\n\r\n")
        assert client.recv(65536).startswith(b"HTTP/1.0 200")

    assert pid_of(stage, "router") != before
    down(stage.workspace(), stage.said.append)
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((host, int(port)))


def test_a_router_that_cannot_run_leaves_nothing_behind(stage: Stage) -> None:
    (stage.folder / "Procfile").write_text(
        "router: python -c 'raise SystemExit(3)'\nservice: python -V\n"
    )
    with pytest.raises(EdgeFailure, match=r"the router ended at once .*router\.log"):
        up(stage.workspace(), stage.said.append)

    assert left_behind(stage.workspace()) == []
    assert router_url(stage.workspace()) is None


def test_a_version_whose_bundle_was_changed_is_not_started_again_and_the_rest_is(
    stage: Stage,
) -> None:
    stage.deliver("v1")
    up(stage.workspace(), stage.said.append)
    stage.act("deploy", "v1")
    down(stage.workspace(), stage.said.append)
    golden = stage.folder / "releases" / "v1" / "golden.jsonl"
    golden.write_text(golden.read_text().replace("2", "3"))
    found = up(stage.workspace(), stage.said.append)
    assert router_lives(found.url)
    assert "golden.jsonl was changed" in found.failed["v1"]
    assert set(Supervisor(stage.workspace()).processes()) == {"router"}


def test_stopping_what_was_never_started_is_nothing(running: Stage) -> None:
    LocalTarget(running.workspace()).stop("v7-7")
