"""How much memory a dyno uses, and what the platform does about it: R14 in the log, R15 and SIGKILL
at twice the quota.

What its processes share is counted once, as their cgroup on the platform would (PSS). The kernel
here enforces nothing, so a dyno is looked at from time to time; swapping is not imitated."""

import asyncio
import signal
from contextlib import suppress
from pathlib import Path

from emulator.dynos import process_groups
from emulator.dynos.dyno import Dyno
from emulator.model.clock import Clock

EACH_S, LEAST_S = 20.0, 5.0


def used_mb(group: int) -> float:
    """Of all processes of the group, in MiB."""
    total = 0
    for process in process_groups.members(group):
        with suppress(OSError, StopIteration):
            lines = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()
            total += int(next(line for line in lines if line.startswith("Pss:")).split()[1])

    return total / 1024


async def watch(dyno: Dyno, clock: Clock) -> None:
    """Look each 20 s of the platform's time (each 5 s at most) until the dyno is over."""
    while not dyno.over.is_set():
        await asyncio.sleep(max(LEAST_S, EACH_S / clock.speed))
        if dyno.group is not None:
            judge(dyno, await asyncio.to_thread(used_mb, dyno.group))


def judge(dyno: Dyno, used: float) -> None:
    """Say and do what follows from `used` MiB."""
    share = used / dyno.size.memory_mb
    if share > 1:
        dyno.say(f"Process running mem={used:.0f}M({share:.1%})")
        dyno.say(
            "Error R14 (Memory quota exceeded)"
            if share < 2
            else "Error R15 (Memory quota vastly exceeded)"
        )

    if share >= 2 and dyno.group is not None:
        dyno.say("Stopping process with SIGKILL")
        process_groups.signal_all(dyno.group, signal.SIGKILL)
