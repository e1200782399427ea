"""Performs an act that is one insert into the ledger, decided by the same functions as a command.

Each act opens a connection of its own, so that it waits for nothing that a request of a user, the
controller or another act holds. Everything here blocks: threads call it."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

from rollout.decide import decisions
from rollout.decide.actions import Plan, RecordRevision
from rollout.decide.decisions import Facts
from rollout.errors import IllegalEvent, NotReady
from rollout.state.ledger import Ledger, from_body
from router.acts.act_request import ActRequest
from store.direct import direct
from store.engine import engine
from store.entry import Entry
from store.errors import Conflict, StoreError, StoreUnavailable
from store.ledger import LedgerStore

# As on the terminal: its rivals are single inserts, so few rounds are ever needed.
ROLLBACK_ATTEMPTS = 50
TAKES_TRAFFIC_BACK = ("rollback", "abort")
RECENT = 20


@dataclass(frozen=True)
class ActResult:
    """What an act did. revision: of its entry, or the newest one where there was nothing to do."""

    act: str
    summary: str
    undo: str
    revision: int
    changed: bool


class ActRecorder:
    """Performs acts on the ledger of one model."""

    def __init__(self, database_url: str, model: str) -> None:
        self._url, self._model = database_url, model

    def perform(self, asked: ActRequest, facts: Facts) -> ActResult:
        """Decide on the newest revision and record.

        Raises Refusal; Conflict where somebody was first; StoreError, which leaves the ledger as it
        was unless it says otherwise."""
        with self._opened() as store:
            attempts = ROLLBACK_ATTEMPTS if asked.act == "rollback" else 1
            for left in reversed(range(attempts)):
                try:
                    return self._attempt(store, asked, facts)
                except Conflict as conflict:
                    if not left or conflict.winner.action in TAKES_TRAFFIC_BACK:
                        raise

        raise AssertionError("an act has at least one attempt")

    def _attempt(self, store: LedgerStore, asked: ActRequest, facts: Facts) -> ActResult:
        newest = store.newest()
        ledger = Ledger(model=self._model)
        if newest is not None:
            ledger = from_body(newest.body, newest.revision)

        _refuse_if_moved(store, asked, ledger.revision)
        plan = decided(ledger, asked, facts)
        if not plan:
            return ActResult(asked.act, "nothing to do", "", ledger.revision, changed=False)

        record = _only_record(plan, asked)
        _append(store, record, facts, asked.reason)
        revision = record.ledger.revision
        return ActResult(record.act, record.summary, record.undo, revision, changed=True)

    @contextmanager
    def _opened(self) -> Iterator[LedgerStore]:
        database = direct(self._url)
        if database is not None:
            try:
                yield LedgerStore(database, self._model)
            finally:
                database.close()
            return

        pool = engine(self._url)
        try:
            yield LedgerStore(pool, self._model)
        finally:
            pool.dispose()


def decided(ledger: Ledger, asked: ActRequest, facts: Facts) -> Plan:
    """What the core decides; raises Refusal."""
    match asked.act:
        case "promote":
            return _promoted(ledger, asked, facts)
        case "step":
            name = asked.version or ledger.running().candidate
            return decisions.promote_step(ledger, facts, name)
        case "pause":
            return decisions.pause(ledger, facts)
        case "resume":
            return decisions.resume(ledger, facts)
        case "abort":
            return decisions.abort(ledger)
        case _:
            return decisions.rollback(ledger, facts)


def _promoted(ledger: Ledger, asked: ActRequest, facts: Facts) -> Plan:
    """What the core decides, of a version that has users already.

    What its contract breaks is compared on the terminal, from the bundles: before its rollout for
    one that has users, and now for any other. Raises Refusal."""
    name = asked.version or ledger.running().candidate
    if ledger.weight(name):
        return decisions.promote(ledger, facts, name)

    raise IllegalEvent(
        f"{name} answers no users yet, and whether it breaks what they rely on is checked on the "
        f"terminal: `{asked.command(name)}`"
    )


def _refuse_if_moved(store: LedgerStore, asked: ActRequest, newest: int) -> None:
    """Raise Conflict where the ledger has changed since the operator looked.

    A rollback is refused only after another act that sent the traffic back: it would go one release
    further than its operator has seen."""
    if asked.revision is None or asked.revision == newest:
        return

    if asked.revision > newest:
        raise IllegalEvent(f"revision {asked.revision} is not recorded: the newest is {newest}")

    since = store.history(limit=newest - asked.revision)
    if asked.act == "rollback":
        since = [entry for entry in since if entry.action in TAKES_TRAFFIC_BACK]
    if since:
        raise Conflict(since[-1])


def _only_record(plan: Plan, asked: ActRequest) -> RecordRevision:
    """The one action of a plan; raises NotReady where processes have to be started or stopped."""
    (first, *others) = plan
    if others or not isinstance(first, RecordRevision):
        raise NotReady(
            "a process has to be started or stopped for that, which a router cannot do: "
            f"`{asked.command()}` on the terminal"
        )

    return first


def _append(store: LedgerStore, record: RecordRevision, facts: Facts, reason: str) -> None:
    at = datetime.fromtimestamp(facts.now, UTC)
    ledger = record.ledger
    try:
        store.append(ledger.revision, ledger.to_body(), record.act, facts.actor, reason, at)
    except StoreUnavailable as error:
        if not _was_recorded(store, record, facts, at, error):
            raise


def _was_recorded(
    store: LedgerStore, record: RecordRevision, facts: Facts, at: datetime, lost: StoreUnavailable
) -> bool:
    """Whether the insert took effect all the same; raises StoreUnavailable if that is unknown."""
    try:
        recent = store.history(limit=RECENT)
    except StoreError:
        raise StoreUnavailable(
            f"it is not known whether '{record.act}' was recorded: `python deploy.py history` "
            f"tells. {lost}"
        ) from lost

    own = (record.ledger.revision, record.act, facts.actor, at)
    return any(own == _key(entry) for entry in recent)


def _key(entry: Entry) -> tuple[int, str, str, datetime]:
    return entry.revision, entry.action, entry.actor, entry.at


def facts_now(actor: str, proven: bool | None = None, because: str = "") -> Facts:
    """The facts of an act. proven: whether the version answers its golden rows."""
    if proven is None:
        return Facts(time.time(), actor)
    return Facts(time.time(), actor, answers_golden_rows=proven, not_ready_because=because)
