"""The process that delivers in an environment of its own.

Its arguments are a descriptor and the number of the process that started it, with which it ends.
It reads a request as JSON and writes what it has to say to the descriptor, one JSON object a line:
`report`, and at the end `fresh` or `error`.
"""

import json
import os
import signal
import sys
from typing import Any

from delivery.errors import DeliveryError
from delivery.other_environment import request_of
from delivery.pack import deliver_here
from wire.parent_process import end_with

INTERRUPTED = 130


def main() -> int:
    """Deliver; returns the exit code."""
    end_with(int(sys.argv[2]))
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    request = request_of(json.load(sys.stdin))
    with os.fdopen(int(sys.argv[1]), "w", buffering=1) as answers:

        def tell(**answer: Any) -> None:
            answers.write(json.dumps(answer) + "\n")

        try:
            delivered = deliver_here(request, lambda line: tell(report=line))
        except DeliveryError as error:
            tell(error=str(error))
            return 1
        except OSError as error:
            tell(error=f"{error.filename or request.source}: {error.strerror}")
            return 1
        except KeyboardInterrupt:
            return INTERRUPTED

        tell(fresh=delivered.fresh)
    return 0
