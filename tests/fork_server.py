"""A process that has imported a program already and forks for each start of it, so that a test pays
for the program's own work and not for a second of imports each time.

A program is a module with LOADED, the modules to import, and `run(words)`.
"""

import gc
import json
import os
import selectors
import signal
import socket
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
_STARTED: list["ForkServer"] = []


class Forked:
    """A started program, as subprocess.Popen has one."""

    def __init__(self, asked: socket.socket) -> None:
        self._asked, self._answer = asked, asked.makefile("rb")
        self.pid = int(self._answer.readline())
        self.returncode: int | None = None

    def poll(self) -> int | None:
        """Its exit code, if it has ended."""
        try:
            return self.wait(0.001)
        except subprocess.TimeoutExpired:
            return None

    def wait(self, timeout: float) -> int:
        """Its exit code, as soon as it has ended."""
        if self.returncode is None:
            with selectors.DefaultSelector() as selector:
                selector.register(self._asked, selectors.EVENT_READ)
                if not selector.select(timeout):
                    raise subprocess.TimeoutExpired(str(self.pid), timeout)

            self.returncode = int(self._answer.readline())
            self._answer.close()
            self._asked.close()

        return self.returncode

    def kill(self) -> None:
        """End it without a goodbye."""
        self._send(signal.SIGKILL)

    def terminate(self) -> None:
        """Have it end."""
        self._send(signal.SIGTERM)

    def _send(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)


class ForkServer:
    """The process of one program, started by its first start."""

    def __init__(self, program: str) -> None:
        self._program, self._address = program, ""
        self._process: subprocess.Popen[bytes] | None = None

    def start(
        self, words: Sequence[str], env: dict[str, str], out: int, err: int, session: bool = False
    ) -> Forked:
        """Start the program. out, err: descriptors; session: in a session of its own."""
        job = json.dumps({"words": words, "env": env, "session": session}).encode()
        asked = socket.socket(socket.AF_UNIX)
        try:
            asked.connect(self._started())
            socket.send_fds(asked, [len(job).to_bytes(4, "big")], [out, err])
            asked.sendall(job)
            return Forked(asked)
        except BaseException:
            asked.close()
            raise

    def end(self) -> None:
        """End the process, if it was started."""
        if self._process is not None:
            self._process.communicate()
            self._process = None

    def _started(self) -> str:
        if self._process is None:
            self._address = f"\0sluice-{self._program}-{os.getpid()}"
            command = [sys.executable, "-m", __name__, self._address[1:], self._program]
            one_thread = {**os.environ, "OMP_NUM_THREADS": "1"}
            self._process = subprocess.Popen(command, cwd=ROOT, env=one_thread, stdin=-1, stdout=-1)
            assert self._process.stdout is not None
            assert self._process.stdout.readline() == b"ready\n"
            _STARTED.append(self)

        return self._address


def end_all() -> None:
    """End the servers that this run started."""
    while _STARTED:
        _STARTED.pop().end()


def serve(address: str, name: str) -> None:
    """Fork for each start that is asked for, until standard input ends."""
    program = import_module(name)
    for module in program.LOADED:
        import_module(module)

    assert len(os.listdir("/proc/self/task")) == 1, "an import has started a thread"
    gc.freeze()
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
                    received = _received(client)
                    if received is None:
                        continue

                    job, out, err = received
                    pid = os.fork()
                    if not pid:
                        _forget(selector, listener, client)
                        _become(job, out, err)
                        program.run(job["words"])
                        raise SystemExit(0)

                    os.close(out)
                    os.close(err)
                    _tell(client, pid)
                    selector.register(os.pidfd_open(pid), selectors.EVENT_READ, (pid, client))
                else:
                    _tell_end(selector, key)


def _received(client: socket.socket) -> tuple[dict[str, Any], int, int] | None:
    """What to start; None where who asked went away in between."""
    head, fds, _, _ = socket.recv_fds(client, 4, 2)
    size = int.from_bytes(head, "big")
    with client.makefile("rb") as sent:
        job = sent.read(size)

    if len(fds) == 2 and len(job) == size:
        return json.loads(job), fds[0], fds[1]

    client.close()
    for descriptor in fds:
        os.close(descriptor)

    return None


def _forget(
    selector: selectors.BaseSelector, listener: socket.socket, client: socket.socket
) -> None:
    """Close what is the server's, also what it has of the other forks."""
    for key in list(selector.get_map().values()):
        if key.data is not None:
            os.close(key.fd)
            key.data[1].close()

    selector.close()
    listener.close()
    client.close()


def _become(job: dict[str, Any], out: int, err: int) -> None:
    """Be as a process that was started with this environment and these descriptors."""
    os.dup2(out, 1)
    os.dup2(err, 2)
    os.close(out)
    os.close(err)
    empty = os.open(os.devnull, os.O_RDONLY)
    os.dup2(empty, 0)
    os.close(empty)
    if job["session"]:
        os.setsid()

    os.environ.clear()
    os.environ.update(job["env"])
    sys.path[1:1] = os.environ.get("PYTHONPATH", "").split(os.pathsep)


def _tell_end(selector: selectors.BaseSelector, key: Any) -> None:
    pid, client = key.data
    selector.unregister(key.fileobj)
    os.close(key.fileobj)
    _, status = os.waitpid(pid, 0)
    _tell(client, os.waitstatus_to_exitcode(status))
    client.close()


def _tell(client: socket.socket, number: int) -> None:
    # Who asked need not wait for it.
    with suppress(OSError):
        client.sendall(b"%d\n" % number)


if __name__ == "__main__":
    serve("\0" + sys.argv[1], sys.argv[2])
