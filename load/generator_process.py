"""The generator as a child process: starts it, reads its chunks as they come, and ends it."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryFile

import msgspec

from load.engine.plan import LoadChunk, Plan

ROOT = Path(__file__).resolve().parents[1]
LONGEST_END_S = 20.0


class GeneratorFailed(Exception):
    """The generator could not send; the message says why."""


class GeneratorProcess:
    """A running generator; a context that ends it."""

    def __init__(self, plan: Plan) -> None:
        self._errors = TemporaryFile()  # noqa: SIM115 (closed with the process)
        self._process = subprocess.Popen(
            [sys.executable, "-m", "load.engine", str(os.getpid())],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
        )
        self._write(msgspec.json.encode(plan) + b"\n")

    def chunks(self) -> Iterator[LoadChunk]:
        """What comes until the run is over; raises GeneratorFailed."""
        output, decode = self._process.stdout, msgspec.msgpack.Decoder(LoadChunk).decode
        assert output is not None
        while size := output.read(4):
            chunk = decode(output.read(int.from_bytes(size, "big")))
            yield chunk
            if chunk.last:
                return

        self._process.wait(LONGEST_END_S)
        self._errors.seek(0)
        message = self._errors.read().decode(errors="replace").strip()
        raise GeneratorFailed(message.splitlines()[-1] if message else "it ended without a word")

    def stop(self) -> None:
        """Let nothing more be sent; the chunks go on to the last one."""
        self._write(b"stop\n")

    def _write(self, line: bytes) -> None:
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):
            self._process.stdin.write(line)
            self._process.stdin.flush()

    def __enter__(self) -> "GeneratorProcess":
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(0.5)

        if self._process.poll() is None:
            self._process.kill()
            self._process.wait(LONGEST_END_S)

        for stream in (self._process.stdin, self._process.stdout, self._errors):
            if stream is not None:
                with suppress(BrokenPipeError):
                    stream.close()
