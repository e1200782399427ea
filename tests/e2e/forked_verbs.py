"""Runs verbs of `deploy.py` in forks of one process that has imported it already, so that a verb of
a test costs its own work and not a second of imports each time.

A test that is about the start or the end of the program itself starts it (StackHarness.start).
"""

import json
import os
import selectors
import signal
import socket
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
# What nearly every verb imports and starts no thread, which a fork would lose.
LOADED = (
    "deploy",
    "cli.render.status",
    "deployment.commands.stack",
    "deployment.commands.verbs",
    "deployment.workspace.interrupts",
    "sqlalchemy.dialects.sqlite.pysqlite",
)


class ForkedVerbs:
    """The process, started by its first verb."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._address = ""

    def run(
        self, words: Sequence[str], env: dict[str, str], timeout_s: float = 300
    ) -> tuple[int, str]:
        """Run a verb to its end; returns its exit code and what it printed."""
        with socket.socket(socket.AF_UNIX) as asked:
            asked.connect(self._started())
            read, write = os.pipe()
            job = json.dumps({"words": words, "env": env}).encode()
            socket.send_fds(asked, [len(job).to_bytes(4, "big")], [write])
            asked.sendall(job)
            os.close(write)
            asked.settimeout(timeout_s)
            with open(read, encoding="utf-8") as output, asked.makefile("rb") as answer:
                pid = int(answer.readline())
                try:
                    code = int(answer.readline())
                except TimeoutError:
                    os.kill(pid, signal.SIGKILL)
                    raise

                # What the verb left running may still hold the pipe, as with any program.
                return code, output.read()

    def end(self) -> None:
        """End the process, if it was started."""
        if self._process is not None:
            self._process.communicate()
            self._process = None

    def _started(self) -> str:
        if self._process is None:
            self._address = f"\0sluice-verbs-{os.getpid()}"
            command = [sys.executable, "-m", "tests.e2e.forked_verbs", self._address[1:]]
            one_thread = {**os.environ, "OMP_NUM_THREADS": "1"}
            self._process = subprocess.Popen(command, cwd=ROOT, env=one_thread, stdin=-1, stdout=-1)
            assert self._process.stdout is not None
            assert self._process.stdout.readline() == b"ready\n"

        return self._address


VERBS = ForkedVerbs()
"""Of this run, until its end (tests/conftest.py)."""


def serve(address: str) -> None:
    """Fork for each verb that is asked for, until standard input ends."""
    for module in LOADED:
        __import__(module)

    assert len(os.listdir("/proc/self/task")) == 1, "an import has started a thread"
    with socket.socket(socket.AF_UNIX) as listener, selectors.DefaultSelector() as selector:
        listener.bind(address)
        listener.listen(64)
        selector.register(listener, selectors.EVENT_READ)
        selector.register(sys.stdin, selectors.EVENT_READ)
        print("ready", flush=True)
        while True:
            for key, _ in selector.select():
                if key.fileobj is sys.stdin:
                    return
                if key.fileobj is listener:
                    client = listener.accept()[0]
                    words, env, output = _received(client)
                    pid = os.fork()
                    if not pid:
                        selector.close()
                        listener.close()
                        client.close()
                        _run(words, env, output)

                    os.close(output)
                    client.sendall(b"%d\n" % pid)
                    selector.register(os.pidfd_open(pid), selectors.EVENT_READ, (pid, client))
                else:
                    _tell_end(selector, key)


def _received(client: socket.socket) -> tuple[list[str], dict[str, str], int]:
    head, fds, _, _ = socket.recv_fds(client, 4, 1)
    with client.makefile("rb") as sent:
        job = json.loads(sent.read(int.from_bytes(head, "big")))

    return job["words"], job["env"], fds[0]


def _run(words: list[str], env: dict[str, str], output: int) -> None:
    """Be the program with these words; ends the process."""
    from deploy import main

    for number in (1, 2):
        os.dup2(output, number)

    os.close(output)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.environ.clear()
    os.environ.update(env)
    sys.argv = ["deploy.py", *words]
    main()
    raise SystemExit(0)


def _tell_end(selector: selectors.BaseSelector, key: Any) -> None:
    pid, client = key.data
    selector.unregister(key.fileobj)
    os.close(key.fileobj)
    _, status = os.waitpid(pid, 0)
    client.sendall(b"%d\n" % os.waitstatus_to_exitcode(status))
    client.close()


if __name__ == "__main__":
    serve("\0" + sys.argv[1])
