"""The generator as a child process: starts it, reads its chunks as they come, and ends it."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO

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
        assert self._process.stdout is not None
        for chunk in read_chunks(self._process.stdout):
            yield chunk
            if chunk.last:
                return

        raise GeneratorFailed(self._end_words())

    def _end_words(self) -> str:
        """Why it ended before its last chunk: in its own words, or how."""
        try:
            code = self._process.wait(LONGEST_END_S)
        except subprocess.TimeoutExpired:
            return "it tells nothing more, and does not end"

        self._errors.seek(0)
        message = self._errors.read().decode(errors="replace").strip()
        if message:
            return message.splitlines()[-1]
        if code >= 0:
            return f"its process ended in the middle of the run, with code {code}"

        return f"its process was ended in the middle of the run, by {_signal_name(-code)}"

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


def read_chunks(output: IO[bytes]) -> Iterator[LoadChunk]:
    """The whole chunks of a generator, up to where it ended; what is cut off there is none.

    Raises GeneratorFailed where they are no chunks."""
    decode = msgspec.msgpack.Decoder(LoadChunk).decode
    while len(size := output.read(4)) == 4:
        length = int.from_bytes(size, "big")
        if len(body := output.read(length)) < length:
            return

        try:
            yield decode(body)
        except msgspec.DecodeError as error:
            raise GeneratorFailed(f"what its process wrote is no part of a run: {error}") from error


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
