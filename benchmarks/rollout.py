"""What a rollout costs its users: `python -m benchmarks.rollout [--json] [--connections 64]`.

Under steady load on the flights' versions each act is performed once: a weight change, a promotion,
a rollback, a release in place, kill -9 of a version, a restart of every router worker. For each:
requests and failures from one second before the act to one second after it, the seconds from its
insert into the ledger until every user whom the new split moves has met it, those from the act's
beginning until its end (golden answers, start of a process and drain included), and the longest
time in which nobody was answered. The last line is one JSON object."""

import argparse
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any

import httpx
from rich.console import Console
from rich.table import Table

from benchmarks.processes import ROOT, STATE, BenchmarkFailed, tree, until
from benchmarks.results import leave
from benchmarks.setups.sluice import Stack, stack
from benchmarks.users import Answered, Users
from benchmarks.wrk_load import write_bodies
from rollout.state.split import all_to, keyed

SETTINGS = "[router]\nworkers = 2\n"
MARGIN_S = 1.0
NAMED = 8


@dataclass(frozen=True)
class Act:
    """What one act cost. seconds_until_new_split: from its insert, None where the split stays as it
    is.
    """

    act: str
    requests: int
    failed: int
    seconds_until_new_split: float | None
    act_s: float
    longest_silence_s: float


@dataclass(frozen=True)
class Moment:
    """When an act began, when the ledger had it (None: it is none of the ledger's), when it was
    done: epoch seconds.
    """

    began: float
    inserted: float | None
    done: float


Play = Callable[[], Moment]


class Theatre:
    """One Sluice under load, and what is done to it."""

    def __init__(self, made: Stack, users: Users) -> None:
        self.stack, self.users = made, users

    def verb(self, *words: str) -> Moment:
        """Perform an act of deploy.py."""
        command = [sys.executable, "-m", "benchmarks.timed_act", *words]
        pipe = subprocess.PIPE
        with subprocess.Popen(
            command, cwd=ROOT, env=self.stack.environ, stdin=pipe, stdout=pipe, text=True
        ) as process:
            assert process.stdout is not None
            assert process.stdin is not None
            if process.stdout.readline() != "ready\n":
                raise BenchmarkFailed(f"{' '.join(words)} is not ready")
            self.settle()
            process.stdin.write("go\n")
            process.stdin.flush()
            line = process.stdout.readline()

        if process.returncode:
            raise BenchmarkFailed(f"{' '.join(words)} failed: {line}")

        return Moment(**json.loads(line))

    def settle(self) -> None:
        """Let the load run for the margin, so that the act falls into steady traffic."""
        goal = time.time() + MARGIN_S
        until(lambda: time.time() > goal, "a second of load")

    def measure(self, name: str, play: Play, shows: str, moved: Sequence[str]) -> Act:
        """Perform `play`, which moves these named users (none: the split stays) to the version
        `shows`.
        """
        moment = play()
        if moved:
            until(
                lambda: all(self._met(user, shows, moment.began) for user in moved),
                f"{shows} shows",
                30,
            )

        end = max(moment.done, time.time()) + MARGIN_S
        until(lambda: time.time() > end, "a second of load")
        start = moment.began - MARGIN_S
        times = sorted(at for _, at, _ in self._everybody() if start <= at <= end)
        failed = [why for at, why in self.users.failed if start <= at <= end]
        for why in failed[:3]:
            print(f"failed during {name}: {why}", file=sys.stderr)

        silence = max(after - before for before, after in pairwise(times))
        waited = self._waited(moved, shows, moment) if moved else None
        took = moment.done - moment.began
        return Act(
            name, len(times) + len(failed), len(failed), waited, round(took, 4), round(silence, 4)
        )

    def _waited(self, moved: Sequence[str], shows: str, moment: Moment) -> float:
        strangers = [user for user in moved if self._before(user, moment.began) == shows]
        if strangers or moment.inserted is None:
            raise BenchmarkFailed(f"{strangers} met {shows} before: there is nothing to measure")
        met = [self._met(user, shows, moment.began) or moment.done for user in moved]
        return round(max(met) - moment.inserted, 4)

    def _everybody(self) -> list[Answered]:
        return [
            user
            for answers in (self.users.answered, *self.users.named.values())
            for user in list(answers)
        ]

    def _before(self, user: str, moment: float) -> str:
        """Who answered that user last before a moment."""
        return [who for _, at, who in list(self.users.named[user]) if at < moment][-1]

    def _met(self, user: str, version: str, since: float) -> float | None:
        """When that user was first answered by that version after the time, never to meet another
        again.
        """
        met = None
        for _, at, who in reversed(list(self.users.named[user])):
            if at < since or who != version:
                break
            met = at

        return met

    def kill_version(self, version: str) -> Moment:
        """kill -9 of every process of a version; done when it is running again."""
        status = json.loads(self.stack.run("status", "--json"))
        row = next(row for row in status["versions"] if row["name"] == version)
        pids = tree(self._pid(row["program"]))
        self.settle()
        began = time.time()
        for pid in pids:
            os.kill(pid, signal.SIGKILL)

        until(
            lambda: any(
                who == version for _, at, who in self.users.answered[-200:] if at > began + 0.2
            ),
            "it is back",
        )
        return Moment(began, None, time.time())

    def restart_router(self) -> Moment:
        """A graceful restart of every router worker; done when all are new."""
        before = {row["pid"] for row in self._workers()}
        self.settle()
        began = time.time()
        os.kill(self._pid("router"), signal.SIGHUP)

        def renewed() -> bool:
            now = {row["pid"] for row in self._workers()}
            return len(now) == len(before) and not now & before

        until(renewed, "every worker is new", 30)
        return Moment(began, None, time.time())

    def _workers(self) -> list[dict[str, Any]]:
        return list(httpx.get(f"{self.stack.url}/status", timeout=10).json()["workers"])

    def _pid(self, program: str) -> int:
        command = [
            sys.executable,
            "-m",
            "supervisor.supervisorctl",
            "-c",
            str(self.stack.state / "supervisord.conf"),
        ]
        done = subprocess.run(
            [*command, "pid", program], capture_output=True, text=True, check=True, timeout=20
        )
        return int(done.stdout)


def main() -> int:
    """Run all acts; returns 1 when a request failed."""
    options = _options()
    console = Console(stderr=options.json, width=120)
    acts: list[Act] = []
    with stack("rollout", SETTINGS) as made:
        named = _named_users((made.state / "secrets" / "token").read_text().strip().encode())
        users = Users(made.url, write_bodies(STATE / "bodies.jsonl"), options.connections, named)
        with users:
            theatre = Theatre(made, users)
            for name, play, shows, moved in _script(theatre):
                console.print(f"{name} ...", highlight=False)
                acts.append(theatre.measure(name, play, shows, moved))
        lost = len(users.failed)

    console.print(_table(acts))
    console.print(
        f"{lost} failed of {len(users.answered) + sum(map(len, users.named.values()))} requests "
        f"in all"
    )
    result = {
        "acts": [asdict(act) for act in acts],
        "failed_in_all": lost,
        "connections": options.connections,
    }
    leave("rollout", result)
    return 1 if lost else 0


def _script(theatre: Theatre) -> list[tuple[str, Play, str, Sequence[str]]]:
    everybody = theatre.users.names
    early, late = everybody[: NAMED // 2], everybody[NAMED // 2 :]

    def canary_then_step() -> Moment:
        theatre.verb("canary", "v2", "10,50")
        return theatre.verb("promote_step", "v2")

    return [
        ("weight 10 % to 50 %", canary_then_step, "v2", early),
        ("kill -9 of a version", lambda: theatre.kill_version("v2"), "", ()),
        ("promote", lambda: theatre.verb("promote", "v2"), "v2", late),
        ("rollback", lambda: theatre.verb("rollback"), "v1", everybody),
        ("release-in-place", lambda: theatre.verb("release_in_place", "v2"), "v2", everybody),
        ("restart of every router worker", theatre.restart_router, "", ()),
    ]


def _named_users(secret: bytes) -> tuple[str, ...]:
    """Users whom 10 % of v2 does not reach: half of them meet it at 50 %, half only with its
    release.

    secret: the key of the prediction ids, which keys the split too.
    """
    # deploy, deploy, promote: the canary is the fourth revision.
    few = keyed(all_to("v1", salt="flights:canary:v2:4"), secret).reweighted(
        {"v1": 9_000, "v2": 1_000}
    )
    many = few.reweighted({"v1": 5_000, "v2": 5_000})
    names = [f"user-{number}" for number in range(1_000)]
    outside = [name for name in names if few.choose(name.encode()) == "v1"]
    early = [name for name in outside if many.choose(name.encode()) == "v2"]
    late = [name for name in outside if many.choose(name.encode()) == "v1"]
    return (*early[: NAMED // 2], *late[: NAMED // 2])


def _table(acts: list[Act]) -> Table:
    table = Table()
    for column in ("act", "requests", "failed", "new split after", "whole act", "longest silence"):
        table.add_column(column, justify="left" if column == "act" else "right")

    for act in acts:
        waited = (
            "-" if act.seconds_until_new_split is None else f"{act.seconds_until_new_split:.3f} s"
        )
        shown = (f"{act.act_s:.2f} s", f"{act.longest_silence_s:.3f} s")
        table.add_row(act.act, str(act.requests), str(act.failed), waited, *shown)

    return table


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.rollout", description=__doc__)
    parser.add_argument(
        "--connections", type=int, default=64, help="kept connections (%(default)s)"
    )
    parser.add_argument("--json", action="store_true", help="tell the progress on stderr")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
