"""`python -m benchmarks.acting VERB [WORD...]`: one act of deploy.py in a process that has imported
everything.

It prints `ready`, waits for a line, acts, and prints one JSON object: when it began, when its one
insert into the ledger began, and when it was done (epoch seconds)."""

import json
import sys
import time
from typing import Any

from sqlalchemy import Engine, event

from deployment.commands import verbs
from deployment.commands.run_verb import Act, act
from deployment.workspace.workspace import Workspace, workspace_from_environment


def _act(here: Workspace, verb: str, words: list[str]) -> Act:
    if verb == "canary":
        return verbs.canary(here, words[0], words[1], None)
    if verb == "promote_step":
        return verbs.promote(here, words[0], step=True)
    return getattr(verbs, verb)(here, *words)  # type: ignore[no-any-return]


def main() -> None:
    """Act once."""
    verb, *words = sys.argv[1:]
    here = workspace_from_environment()
    wanted = _act(here, verb, words)
    inserted: list[float] = []

    @event.listens_for(Engine, "before_cursor_execute")
    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if statement.startswith("INSERT INTO revisions"):
            inserted.append(time.time())

    print("ready", flush=True)
    sys.stdin.readline()
    began = time.time()
    act(here, wanted, "benchmark", lambda _: None)
    print(json.dumps({"began": began, "inserted": inserted[-1], "done": time.time()}), flush=True)


if __name__ == "__main__":
    main()
