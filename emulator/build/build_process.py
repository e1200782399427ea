"""The commands of a build, each in a process group that ends with it."""

import asyncio
import contextlib
from pathlib import Path

from emulator.dynos import process_groups
from emulator.dynos.streams import Stream


class BuildProcess:
    """Runs commands; their output goes, indented, to the build's stream."""

    def __init__(self, output: Stream) -> None:
        self.output = output

    async def run(self, command: tuple[str, ...], environ: dict[str, str], folder: Path) -> int:
        """Run a command to its end; returns its exit status."""
        process = await process_groups.start(command, environ, folder)
        try:
            while process.stdout and (line := await _line(process.stdout)):
                self.output.line(f"       {line.decode('utf-8', 'replace').rstrip()}")
            return await process.wait()
        finally:
            await asyncio.shield(process_groups.end(process.pid, 0))
            with contextlib.suppress(ProcessLookupError):
                await process.wait()


async def _line(pipe: asyncio.StreamReader) -> bytes:
    try:
        return await pipe.readline()
    except ValueError:
        return b"... (a line of more than 64 KiB)\n"
