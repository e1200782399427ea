"""Fakes for tests inside one process: an event loop with its own clock, pools, and ledgers."""

from itertools import count

import msgspec

from rollout.decide.decisions import Facts, release_in_place, start
from rollout.settings import RouterSettings
from rollout.state.ledger import Ledger, Step
from rollout.state.ledger import Version as LedgerVersion
from rollout.state.policy import VerdictConfig, policy
from rollout.state.split import all_to
from rollout.state.strategy import strategy
from rollout.state.version_state import State
from router.dispatch.dispatcher import Dispatcher
from router.dispatch.processes import Processes
from router.dispatch.routing_table import table_of
from router.dispatch.upstream import Answer, Failure

NOW = 1_000_000.0
TWO_STEPS = (Step(2000, 10.0), Step(5000))


class FakeLoop:
    """The part of an event loop that a lane uses; `run` calls what is due."""

    def __init__(self):
        self.now, self.due, self.later = 100.0, [], []

    def time(self):
        return self.now

    def call_soon(self, callback, *arguments):
        self.due.append((callback, arguments))

    def call_later(self, seconds, callback):
        self.later.append((self.now + seconds, callback))

    def pass_time(self, seconds):
        """Let time pass, step by step, and call what falls due."""
        end = self.now + seconds
        while self.later and min(self.later, key=lambda entry: entry[0])[0] <= end:
            entry = min(self.later, key=lambda entry: entry[0])
            self.later.remove(entry)
            self.now = max(self.now, entry[0])
            entry[1]()
            self.run()

        self.now = end

    def run(self):
        while self.due:
            callback, arguments = self.due.pop(0)
            callback(*arguments)


class FakePool:
    """A pool whose batches wait in `sent` as (rows, callback) until they are answered with the
    numbers they asked.
    """

    address = "unix:toy"

    def __init__(self):
        self.sent = []
        self.processes = Processes()

    def predict(self, body, callback, timeout_s):
        self.sent.append((msgspec.json.decode(body)["instances"], callback))

    def close(self):
        pass

    def answer(self, errors=(), status=200, **more):
        """more: what the answer also holds; of lists as many values as rows are taken."""
        rows, callback = self.sent.pop(0)
        body = {"predictions": rows, "errors": list(errors), "classes": [0, 1], **more}
        callback(Answer(status, [], msgspec.json.encode(body)))

    def fail(self, reason):
        self.sent.pop(0)[1](Failure(reason, "as asked"))


class DispatcherHarness:
    """A dispatcher with a fake loop and fake pools."""

    def __init__(self, ledger, units=None, cold_s=0.0, pairs_per_s=0.0, **router):
        self.loop, self.versions = FakeLoop(), {}
        table = table_of(ledger)
        self.traffic = Dispatcher(
            RouterSettings(**router),
            "secret",
            self.loop,
            table,
            units_in=units,
            cold_s=cold_s,
            pairs_per_s=pairs_per_s,
            clock=lambda: NOW + self.loop.time(),
        )
        self._replace_pools()

    def follow(self, ledger):
        self.traffic.follow(table_of(ledger))
        self._replace_pools()

    def ask(self, unit=None, lasting=True, pin=None, rows=(1,)):
        """Ask for a unit (None: one that does not come again); returns the list that its reply will
        be put in.
        """
        replies = []
        raws = [msgspec.Raw(b"%d" % row) for row in rows]
        unit, lasting = (b"%d" % next(_numbers), False) if unit is None else (unit, lasting)
        self.send(raws, unit, lasting, pin, 10.0, replies.append)
        self.loop.run()
        return replies

    def send(self, raws, unit, lasting, pin, timeout_s, on_reply):
        """Draw a version and send it rows."""
        draw = self.traffic.draw(unit, lasting, pin)
        self.traffic.send(draw, raws, pin is not None, timeout_s, on_reply)

    def hurry(self, unit, timeout_s):
        """The same with so little time."""
        replies = []
        self.send([msgspec.Raw(b"1")], unit, True, None, timeout_s, replies.append)
        self.loop.run()
        return replies

    def unit_of(self, version):
        """A unit that has not been named before and belongs to this version."""
        split = self.traffic.table.split
        return next(
            unit for unit in (b"unit-%d" % n for n in _numbers) if split.choose(unit) == version
        )

    def counted(self, version, weight=None):
        """What is counted of a version, in the rollout in progress or at the weight given."""
        rolling = self.traffic.table.rolling
        key = (
            ("released", version, 10_000)
            if rolling is None
            else (rolling.id, version, rolling.weight)
        )
        key = key if weight is None else (key[0], version, weight)
        return next(
            (body for *found, body in self.traffic.tallies.rows() if tuple(found) == key), {}
        )

    def _replace_pools(self):
        for name, lane in self.traffic.lanes.items():
            lane.pool = self.versions.setdefault(name, FakePool())


_numbers = count()


def deployed(*names):
    """A ledger at revision 3 in which the first version is released and the others are deployed."""
    ledger = Ledger(model="toy", revision=3, split=all_to(names[0], "salt"), released=names[0])
    for name in names:
        state = State.RELEASED if name == names[0] else State.DEPLOYED
        ledger = ledger.with_version(
            LedgerVersion(name, state, f"unix:/toy/{name}", f"{name}-1", "d", "onnx", NOW)
        )

    return ledger


def begun(ledger, name="v2", how="canary", steps=TWO_STEPS, auto=True, **judging):
    """The ledger after a rollout began, by itself unless told otherwise; judging: settings of
    [verdict].
    """
    facts = Facts(
        NOW, "ann", "d", "onnx", f"{name}-2", f"unix:/toy/{name}-2", answers_golden_rows=True
    )
    judged = policy(VerdictConfig(**judging), strategy(how)) if auto else None
    if how == "release-in-place":
        actions = release_in_place(ledger, facts, name, judged)
    else:
        chosen = steps if how in ("canary", "ramp", "ab") else ()
        actions = start(ledger, facts, name, how, chosen, policy=judged)

    return next(action.ledger for action in actions if hasattr(action, "ledger"))
