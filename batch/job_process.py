"""A process of this room: one job on its standard input, events on its standard output."""

import sys
from collections.abc import Callable
from typing import TypeVar

import msgspec

from batch.errors import BatchError
from batch.events import FAILED, INTERRUPTED, RunRefused, report
from batch.process_setup import keep_freed_memory
from wire.parent_process import end_with_starter

Job = TypeVar("Job")


def do_job(kind: type[Job], act: Callable[[Job], msgspec.Struct]) -> int:
    """Do the job and report what it came to; returns the exit code.

    The process ends with the one whose number is the command's first argument, if it has any.
    """
    end_with_starter(sys.argv[1:])
    keep_freed_memory()
    job = msgspec.json.decode(sys.stdin.buffer.read(), type=kind)
    try:
        event = act(job)
    except BatchError as error:
        report(RunRefused(str(error)))
        return FAILED
    except KeyboardInterrupt:
        return INTERRUPTED

    report(event)
    state = getattr(event, "state", "done")
    return {"done": 0, "interrupted": INTERRUPTED}.get(state, FAILED)
