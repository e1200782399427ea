"""`python -m load.engine PARENT`: reads a Plan as one line of JSON, sends it, and writes chunks.

PARENT is the number of the process it ends with."""

import signal
import sys
from io import FileIO

import msgspec

from load.engine.generator import Generator
from load.engine.plan import Plan
from wire.file_limits import raise_file_limit
from wire.parent_process import end_with_starter


def main() -> int:
    """Send one plan; returns 1 where no connection could be made."""
    end_with_starter(sys.argv[1:])
    # Whoever started it tells what it ended by, and has its own Ctrl-C.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    raise_file_limit()
    # Without a buffer, so that the loop sees what comes after the plan.
    commands = FileIO(0, closefd=False)
    plan = msgspec.json.decode(commands.readline(), type=Plan)
    try:
        Generator(plan, commands, sys.stdout.buffer).run()
    # The latter of a host's name that no resolver takes.
    except (OSError, UnicodeError) as error:
        print(f"{plan.url}: {getattr(error, 'strerror', None) or error}", file=sys.stderr)
        return 1

    return 0


if __name__ == "__main__":
    sys.exit(main())
