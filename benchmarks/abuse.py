"""What strangers and faults cost honest users: `python -m benchmarks.abuse [--json] [--rounds 3]
[--only NAME]`.

A stack of its own runs the flights: v1 released, v2 a canary of 20 % that is judged. Honest users
ask at a constant rate; each attack of benchmarks/attacks.py and each fault of the machine is played
beside them, and before it the same users are measured alone. For each: the p99 of honest requests
over that alone (median of the rounds), honest requests lost, what the stack's memory grew by at its
peak, how long `deploy.py rollback` took under attack, and whether the attack moved the rollout.
Faults stop what answers, so their p99 is of a minute around them. Last, `rollback_over_python` of
an idle stack. The last line is one JSON object; the exit code is 1 where a bound is broken."""

import argparse
import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from statistics import median

from rich.console import Console
from rich.table import Table

from benchmarks.arrivals import Arrived, Phase, send, stream
from benchmarks.attacks import ATTACKS
from benchmarks.processes import ROOT, STATE, BenchmarkFailed, send_signal, tree, until
from benchmarks.results import leave
from benchmarks.rollback_time import rollback_over_python
from benchmarks.setups.sluice import Stack, stack
from benchmarks.wrk_load import write_bodies
from store import LedgerStore
from store.engine import engine

SETTINGS = "[verdict.prediction]\ntolerance = 0.5\n"
CANARY = ("canary", "v2", "--auto", "--steps", "20,50", "--every", "1h")
RATE, CONNECTIONS = 300.0, 16
SECONDS, TAIL_S, FAULT_S = 6.0, 2.5, 60.0
WEIGHED_S = 0.25
MOST_RATIO, MOST_MB, MOST_ROLLBACK_S, MOST_OVER_PYTHON = 3.0, 150.0, 1.0, 12.0
Begin = Callable[[Stack], None]


@dataclass(frozen=True)
class Attack:
    """What one attack cost honest users. lost: their requests that were not answered with 200."""

    name: str
    honest_p99_ratio: float
    honest_p99_ms: float
    alone_p99_ms: float
    honest_requests: int
    lost: int
    rss_mb_growth: float
    rollback_s: float
    verdict_moved: bool

    def broken(self) -> list[str]:
        """Which bounds do not hold."""
        held = {
            "honest_p99_ratio": self.honest_p99_ratio <= MOST_RATIO,
            "lost": self.lost == 0,
            "rss_mb_growth": self.rss_mb_growth <= MOST_MB,
            "rollback_s": self.rollback_s <= MOST_ROLLBACK_S,
            "verdict_moved": not self.verdict_moved,
        }
        return [name for name, holds in held.items() if not holds]


class Honest:
    """Honest users of one stack, their memory of it and of its ledger."""

    def __init__(self, made: Stack) -> None:
        self.stack = made
        self.url = f"{made.url}/predict"
        self.bodies = write_bodies(STATE / "bodies.jsonl")

    def alone(self) -> Arrived:
        """The same users without an attack."""
        return self._ask(SECONDS, lambda: None)

    def beside(self, begin: Begin, seconds: float) -> tuple[Arrived, float, float, bool]:
        """The users during an attack; MB that the stack grew by, seconds of a rollback, whether the
        rollout moved.
        """
        before, revision = self.stack.memory_mb(), self.revision()
        weighed, taken, moved = [before], [float("inf")], [False]
        began = time.monotonic()
        back = threading.Thread(
            target=self._rollback, args=(began + seconds, taken, moved, revision)
        )

        def watch() -> None:
            if time.monotonic() - began > WEIGHED_S * len(weighed):
                with suppress(FileNotFoundError, ValueError):
                    weighed.append(self.stack.memory_mb())

        begin(self.stack)
        back.start()
        result = self._ask(seconds + TAIL_S, watch)
        back.join()
        return result, max(weighed) - before, taken[0], moved[0]

    def revision(self) -> int:
        """The ledger's newest."""
        database = engine(f"sqlite:///{self.stack.state / 'ledger.db'}")
        try:
            entry = LedgerStore(database, "flights").newest()
        finally:
            database.dispose()

        return entry.revision if entry is not None else 0

    def _rollback(self, when: float, taken: list[float], moved: list[bool], revision: int) -> None:
        until(lambda: time.monotonic() > when, "the users were measured", when)
        moved[0] = self.revision() != revision
        begun = time.monotonic()
        self.stack.run("rollback" if not moved[0] else "status")
        taken[0] = time.monotonic() - begun

    def _ask(self, seconds: float, meanwhile: Callable[[], None]) -> Arrived:
        users = stream("honest", self.bodies, [Phase(RATE, seconds)], CONNECTIONS)
        return send(self.url, users, meanwhile=meanwhile)["honest"]


def measure(
    name: str, made: Stack, playing: Callable[[], "Attacker"], rounds: int, seconds: float
) -> Attack:
    """Play one attack `rounds` times, each time in a canary of its own."""
    honest = Honest(made)
    ratios, alones, withs, lost, requests, grown, taken, moved = [], [], [], 0, 0, [], [], False
    for _ in range(rounds):
        made.run(*CANARY)
        alone = honest.alone()
        with playing() as attacker:
            arrived, growth, rollback_s, this_moved = honest.beside(attacker.begin, seconds)
        measured = arrived.due(0, seconds)
        alones.append(alone.ms(99))
        withs.append(measured.ms(99))
        ratios.append(measured.ms(99) / alone.ms(99))
        lost += len(arrived) - len(arrived.good())
        requests += len(arrived)
        grown.append(growth)
        taken.append(rollback_s)
        moved = moved or this_moved
        _settle(made)

    figures = (round(median(values), 3) for values in (ratios, withs, alones))
    return Attack(name, *figures, requests, lost, round(max(grown), 1), round(max(taken), 3), moved)


class Attacker:
    """A process of benchmarks/attacks.py that attacks between `begin` and the end of the
    context.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self._process: subprocess.Popen[bytes] | None = None

    def begin(self, made: Stack) -> None:
        """Start it."""
        command = [sys.executable, "-m", "benchmarks.attacks", self.name, made.url]
        self._process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.DEVNULL)

    def __enter__(self) -> "Attacker":
        return self

    def __exit__(self, *_: object) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait(10)


class Fault(Attacker):
    """kill -9 of some of the stack's processes, a second after the users began."""

    def __init__(self, name: str, victims: Callable[[Stack], Sequence[int]]) -> None:
        super().__init__(name)
        self.victims = victims
        self._timer: threading.Timer | None = None

    def begin(self, made: Stack) -> None:
        """Kill them after a second of load."""
        self._timer = threading.Timer(1.0, send_signal, [list(self.victims(made)), signal.SIGKILL])
        self._timer.start()

    def __exit__(self, *_: object) -> None:
        if self._timer is not None:
            self._timer.join()


def _settle(made: Stack) -> None:
    """Wait until everything answers again and v1 has all traffic."""

    def well() -> bool:
        try:
            status = json.loads(made.run("status", "--json"))
            if status["rollout"]:
                made.run("abort")
        except BenchmarkFailed:
            return False

        versions = status["versions"]
        running = all(version["process"] == "running" for version in versions)
        return running and any(
            version["name"] == "v1" and version["weight"] == 100 for version in versions
        )

    until(well, "v1 has all traffic again", 60)


FAULTS: dict[str, Callable[[Stack], Sequence[int]]] = {
    "kill -9 of the router's master": lambda made: [made.pid("router")],
    "kill -9 of the released version": lambda made: tree(made.pid_of_version("v1")),
}
"""A canary that dies is none of them: that is evidence against it, and rolls it back."""


def main() -> int:
    """Play all; returns 1 where a bound does not hold."""
    options = _options()
    console = Console(stderr=options.json, width=140)
    attacks: list[Attack] = []
    with _stack() as made:
        for name, playing, seconds, rounds in _script(options):
            console.print(f"{name} ...", highlight=False)
            attacks.append(measure(name, made, playing, rounds, seconds))
            console.print(f"  {asdict(attacks[-1])}", highlight=False)
        over = rollback_over_python(made.environ)

    console.print(_table(attacks))
    console.print(f"rollback takes {over:.1f} times what `python -c pass` takes")
    leave(
        "abuse",
        {"attacks": [asdict(attack) for attack in attacks], "rollback_over_python": round(over, 2)},
    )
    broken = [
        f"{attack.name}: {', '.join(attack.broken())}" for attack in attacks if attack.broken()
    ]
    for line in broken:
        print(f"does not hold: {line}", file=sys.stderr)

    return 1 if broken or over > MOST_OVER_PYTHON else 0


def _script(
    options: argparse.Namespace,
) -> Iterator[tuple[str, Callable[[], Attacker], float, int]]:
    for name in ATTACKS:
        if _asked_for(name, options):
            yield name, lambda name=name: Attacker(name), SECONDS, options.rounds

    for name, victims in FAULTS.items():
        if _asked_for(name, options):
            yield name, lambda name=name, victims=victims: Fault(name, victims), FAULT_S, 1


def _asked_for(name: str, options: argparse.Namespace) -> bool:
    return not options.only or any(part in name for part in options.only)


@contextmanager
def _stack() -> Iterator[Stack]:
    with stack("abuse", SETTINGS) as made:
        Honest(made).alone()
        yield made


def _table(attacks: Sequence[Attack]) -> Table:
    table = Table()
    for column in ("attack", "p99 alone", "beside it", "ratio", "lost", "MB", "rollback", "moved"):
        table.add_column(column, justify="left" if column == "attack" else "right")

    for attack in attacks:
        times = (
            f"{attack.alone_p99_ms:.1f} ms",
            f"{attack.honest_p99_ms:.1f} ms",
            f"{attack.honest_p99_ratio:.2f}",
        )
        rest = (
            f"{attack.lost} of {attack.honest_requests}",
            f"{attack.rss_mb_growth:.0f}",
            f"{attack.rollback_s:.2f} s",
        )
        table.add_row(attack.name, *times, *rest, "yes" if attack.verdict_moved else "no")

    return table


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.abuse", description=__doc__)
    parser.add_argument(
        "--rounds", type=int, default=3, help="of each attack; faults are played once (%(default)s)"
    )
    parser.add_argument(
        "--only", action="append", help="attacks whose name has this in it; may be repeated"
    )
    parser.add_argument("--json", action="store_true", help="tell the progress on stderr")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
