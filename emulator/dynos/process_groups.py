"""Process groups: each command runs in one of its own, and all of it is ended together."""

import asyncio
import os
import shutil
import signal
from contextlib import suppress
from pathlib import Path

LOOK_S = 0.05
# A command must not outlive an emulator that was killed.
_END_WITH_PARENT = ("setpriv", "--pdeathsig", "KILL") if shutil.which("setpriv") else ()


async def start(
    command: tuple[str, ...], environ: dict[str, str], folder: Path
) -> asyncio.subprocess.Process:
    """Start a command in a group and session of its own, with this environment and no other.

    Its output and its errors are one pipe.
    """
    return await asyncio.create_subprocess_exec(
        *_END_WITH_PARENT,
        *command,
        env=environ,
        cwd=folder,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        start_new_session=True,
    )


def members(group: int) -> list[int]:
    """Processes of a group that have not ended."""
    numbers = filter(str.isdecimal, os.listdir("/proc"))
    return [int(number) for number in numbers if _runs_in(number, group)]


def _runs_in(process: str, group: int) -> bool:
    """Whether a process of the group runs."""
    try:
        with open(f"/proc/{process}/stat", "rb") as file:
            fields = file.read().rpartition(b")")[2].split()
    except OSError:
        return False

    state, _, own_group = fields[:3]
    return int(own_group) == group and state not in b"ZX"


def signal_all(group: int, number: int) -> None:
    """Signal every process of the group, if there is one."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)


async def end(group: int, seconds: float) -> bool:
    """SIGTERM to all, then SIGKILL; whether all had ended within `seconds`."""
    signal_all(group, signal.SIGTERM)
    gone = await wait_gone(group, seconds)
    if not gone:
        signal_all(group, signal.SIGKILL)
        await wait_gone(group, 10)

    return gone


async def wait_gone(group: int, seconds: float) -> bool:
    """Whether the group is empty within `seconds`. The kernel notifies only the parent, so it is
    asked again and again.
    """
    loop = asyncio.get_running_loop()
    end_at = loop.time() + seconds
    while members(group):
        if loop.time() >= end_at:
            return False
        await asyncio.sleep(LOOK_S)

    return True
