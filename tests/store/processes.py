"""Other processes that use the same record, as a second operator or a router would."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]

CREATE = """
import sys
from store import LedgerStore
from store.engine import engine
LedgerStore(engine(sys.argv[1]), "flights").create()
"""

RACE = """
import sys
from datetime import UTC, datetime
from store import Conflict, LedgerStore
from store.engine import engine
url, name, last = sys.argv[1], sys.argv[2], int(sys.argv[3])
store = LedgerStore(engine(url), "flights")
store.create()
for revision in range(1, last + 1):
    while store.revision() < revision - 1:
        pass
    try:
        store.append(revision, {"by": name}, "deploy", name, "race", datetime.now(UTC))
        print("won", revision)
    except Conflict as refused:
        print("lost", revision, refused.winner.actor)
"""

APPEND = """
import sys
from datetime import UTC, datetime
from store import LedgerStore
from store.engine import engine
opened = engine(sys.argv[1])
ledger, now = LedgerStore(opened, "flights"), datetime.now(UTC)
ledger.append(int(sys.argv[2]), {}, "deploy", "other", "", now)
opened.dispose()
"""

FLUSH = """
import sys
from store import EvidenceRow, EvidenceStore
from store.engine import engine
evidence = EvidenceStore(engine(sys.argv[1]), "flights")
for serial in range(1, int(sys.argv[3]) + 1):
    counts = {"finished": {"ok": serial}}
    rows = [EvidenceRow("7", version, 500, counts) for version in ("v1", "v2")]
    for _ in range(2):
        evidence.flush(sys.argv[2], serial, rows)
    print(serial, flush=True)
"""

TAKE = """
import sys
from store import LeaseStore
from store.engine import engine
leases, name, last = LeaseStore(engine(sys.argv[1]), "flights"), sys.argv[2], int(sys.argv[3])
for beat in range(1, last + 1):
    seen = leases.look()
    while (seen.beat if seen else 0) < beat - 1:
        seen = leases.look()
    in_time = (seen.beat if seen else 0) == beat - 1
    print(beat, "won" if in_time and leases.take(seen, name) else "lost")
"""

CONDUCT = """
import sys, time
from store import LeaseStore, LeaseTimes
from store.engine import engine
leases = LeaseStore(engine(sys.argv[1]), "flights")
name, patience = sys.argv[2], LeaseTimes(float(sys.argv[3]))
mine = None
print("ready", flush=True)
while True:
    if mine:
        mine = leases.renew(mine)
    elif patience.may_take(seen := leases.look(), time.monotonic()):
        mine = leases.take(seen, name)
    if mine:
        print(mine.beat, flush=True)
    time.sleep(0.02)
"""

HOLD = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("PRAGMA locking_mode = " + sys.argv[2])
connection.execute("BEGIN EXCLUSIVE")
print("held", flush=True)
sys.stdin.readline()
connection.execute("ROLLBACK")
"""


def start(script: str, *arguments: str) -> subprocess.Popen[str]:
    """Start a script in a process of its own; its lines are read from `stdout`."""
    command = [sys.executable, "-W", "error", "-c", script, *arguments]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, cwd=ROOT, stdin=pipe, stdout=pipe, stderr=pipe, text=True)


def finish(process: subprocess.Popen[str]) -> list[str]:
    """Wait for its end and return its lines; a failure shows what it said."""
    out, said = process.communicate(timeout=300)
    assert process.returncode == 0, said
    return out.splitlines()
