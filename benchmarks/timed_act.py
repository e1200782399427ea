"""`python -m benchmarks.timed_act VERB [WORD...]`: one act of deploy.py in a process that has all
modules loaded.

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


def _act(workspace: Workspace, verb: str, words: list[str]) -> Act:
    match verb:
        case "canary":
            return verbs.canary(workspace, words[0], words[1], None)
        case "promote":
            return verbs.promote(workspace, words[0])
        case "promote_step":
            return verbs.promote(workspace, words[0], step=True)
        case "release_in_place":
            return verbs.release_in_place(workspace, words[0])
        case "rollback":
            return verbs.rollback(workspace)
        case _:
            raise SystemExit(f"{verb} is not measured")


def main() -> None:
    """Act once."""
    verb, *words = sys.argv[1:]
    workspace = workspace_from_environment()
    planned = _act(workspace, verb, words)
    inserted: list[float] = []

    @event.listens_for(Engine, "before_cursor_execute")
    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if statement.startswith("INSERT INTO revisions"):
            inserted.append(time.time())

    print("ready", flush=True)
    sys.stdin.readline()
    began = time.time()
    act(workspace, planned, "benchmark", lambda _: None)
    print(json.dumps({"began": began, "inserted": inserted[-1], "done": time.time()}), flush=True)


if __name__ == "__main__":
    main()
