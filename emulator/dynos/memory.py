"""How much memory a dyno uses, and what the platform does about it: R14 in the log, R15 and SIGKILL
at twice the quota.

Memory that its processes share is counted once, as their cgroup on the platform would (PSS). The
kernel here enforces nothing, so a dyno is measured from time to time; swapping is not imitated.
"""

import asyncio
import signal
from contextlib import suppress
from pathlib import Path

from emulator.dynos import process_groups
from emulator.model.app import Dyno
from emulator.model.clock import Clock

INTERVAL_S, LEAST_S = 20.0, 5.0


def used_mb(group: int) -> float:
    """The memory of all processes of a group, in MiB."""
    return sum(map(_used_kb, process_groups.members(group))) / 1024


def _used_kb(process: int) -> int:
    """The memory of one process in KiB, 0 for one that has ended."""
    with suppress(OSError):
        for line in Path(f"/proc/{process}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1])

    return 0


async def watch(dyno: Dyno, clock: Clock) -> None:
    """Measure each 20 s of the platform's time (each 5 s at most) until the dyno has ended."""
    while not dyno.ended.is_set():
        await asyncio.sleep(max(LEAST_S, INTERVAL_S / clock.speed))
        if dyno.group is not None:
            judge(dyno, await asyncio.to_thread(used_mb, dyno.group))


def judge(dyno: Dyno, used: float) -> None:
    """Log, and where needed kill, a dyno that uses more than its quota. used: MiB."""
    share = used / dyno.size.memory_mb
    if share <= 1:
        return

    dyno.log(f"Process running mem={used:.0f}M({share:.1%})")
    if share < 2:
        dyno.log("Error R14 (Memory quota exceeded)")
        return

    dyno.log("Error R15 (Memory quota vastly exceeded)")
    if dyno.group is not None:
        dyno.log("Stopping process with SIGKILL")
        process_groups.signal_all(dyno.group, signal.SIGKILL)
