"""Receivers of webhooks are told everything, in order, signed, whatever another of them does."""

import asyncio
import datetime
import hashlib
import hmac
import json
import logging
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import MappingProxyType

import pytest

from rollout.state.ledger import Ledger, Rollout, Step, Version
from rollout.state.split import all_to
from rollout.state.version_state import State
from router.config import RouterMisconfigured, from_environment
from router.webhooks.cursor import PAGE, SavedCursors, receiver
from router.webhooks.deliverer import RetryPolicy, Webhooks, deliver
from router.webhooks.messages import MOST_BYTES, message_of
from store.engine import engine
from store.errors import StoreError
from store.evidence import EvidenceStore
from store.ledger import LedgerStore
from tests.loopback import free_port, self_signed, served_by
from tests.until import until

SECRET = b"a secret of the receivers"
QUICK = RetryPolicy(answer_s=2.0, first_pause_s=0.01, longest_pause_s=0.05, give_up_s=20.0)
AT = datetime.datetime(2026, 5, 1, 12, tzinfo=datetime.UTC)


class Receiver:
    """A real HTTP server that keeps what it got. answers: statuses to give first, then 200."""

    def __init__(
        self, port: int = 0, answers: tuple[int, ...] = (), context: ssl.SSLContext | None = None
    ) -> None:
        self.got: list[tuple[dict[str, str], bytes]] = []
        self.asked = 0
        self.answers = list(answers)
        self.hold = threading.Event()
        self.hold.set()
        own = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                own.asked += 1
                own.hold.wait(300)
                status = own.answers.pop(0) if own.answers else 200
                if status == 200:
                    own.got.append(({k.lower(): v for k, v in self.headers.items()}, body))

                self.send_response(status)
                self.send_header("Location", "/elsewhere")
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        if context is not None:
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)

        self.port = self.server.server_address[1]
        self.url = f"http{'s' if context else ''}://127.0.0.1:{self.port}/hook"
        self.thread = threading.Thread(
            target=self.server.serve_forever, kwargs={"poll_interval": 0.01}
        )
        self.thread.start()

    @property
    def revisions(self) -> list[int]:
        """What was taken, in order; a sender that ended in the middle left an empty body."""
        return [json.loads(body)["revision"] for _, body in self.got if body]

    def end(self) -> None:
        """Stop it."""
        self.hold.set()
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


class Memory:
    """Progress of one receiver."""

    def __init__(self, last: int | None = 0) -> None:
        self.revisions: list[int] = [] if last is None else [last]

    def last(self) -> int | None:
        return max(self.revisions, default=None)

    def done(self, revision: int) -> None:
        self.revisions.append(revision)


class Marks:
    """As store.evidence.EvidenceStore keeps them."""

    def __init__(self) -> None:
        self.kept: dict[str, dict[str, dict]] = {}
        self.looks = 0

    def mark(self, rollout: str, name: str, body: dict) -> dict:
        return self.kept.setdefault(rollout, {}).setdefault(name, body)

    def marks(self, rollout: str) -> dict[str, dict]:
        self.looks += 1
        return dict(self.kept.get(rollout, {}))


@pytest.fixture
def store(tmp_path) -> Iterator[LedgerStore]:
    made = engine(f"sqlite:///{tmp_path}/ledger.db")
    store = LedgerStore(made, "toy")
    store.create()
    yield store
    made.dispose()


@pytest.fixture
def receivers() -> Iterator[list[Receiver]]:
    made: list[Receiver] = []
    yield made
    for each in made:
        each.end()


def record(store: LedgerStore, count: int = 1, **body: object) -> None:
    """Append acts."""
    for _ in range(count):
        revision = store.revision() + 1
        ledger = replace(Ledger(model="toy"), revision=revision)
        store.append(
            revision, {**ledger.to_body(), **body}, "promote", "ann", f"reason {revision}", AT
        )


@contextmanager
def delivering(hooks: Webhooks, store: LedgerStore, progress) -> Iterator[None]:
    """The coroutine in a loop of its own, cancelled at the end."""
    loop = asyncio.new_event_loop()
    task = loop.create_task(deliver(hooks, store, store.revision, progress))
    thread = threading.Thread(target=_run, args=(loop, task))
    thread.start()
    try:
        yield
    finally:
        loop.call_soon_threadsafe(task.cancel)
        thread.join(300)
        loop.close()

    assert not thread.is_alive()


def _run(loop: asyncio.AbstractEventLoop, task: "asyncio.Task[None]") -> None:
    with suppress(asyncio.CancelledError):
        loop.run_until_complete(task)


def test_every_revision_is_told_in_order_and_its_signature_verifies(store, receivers):
    receivers.append(Receiver())
    record(store, 2)
    with delivering(Webhooks((receivers[0].url,), SECRET, QUICK), store, lambda _: Memory()):
        until(lambda: len(receivers[0].got) == 2, "what was there is told")
        record(store, 3)
        until(lambda: len(receivers[0].got) == 5, "what comes is told")

    assert receivers[0].revisions == [1, 2, 3, 4, 5]
    for (headers, body), entry in zip(receivers[0].got, reversed(store.history()), strict=True):
        stamped = headers["x-sluice-timestamp"].encode() + b"." + body
        expected = "sha256=" + hmac.new(SECRET, stamped, hashlib.sha256).hexdigest()
        assert headers["x-sluice-signature"] == expected
        assert (headers["x-sluice-event"], headers["x-sluice-delivery"]) == ("promote", entry.hash)
        assert json.loads(body)["reason"] == f"reason {entry.revision}"


def test_what_is_told_is_who_did_what_and_who_answers_whom_after_it(store):
    version = Version("v1", State.RELEASED, "unix:/v1", "v1-1", "d", "onnx", 0.0)
    canary = Version("v2", State.SERVING, "unix:/v2", "v2-1", "d", "onnx", 0.0)
    ledger = replace(
        Ledger(model="toy"),
        versions=MappingProxyType({"v1": version, "v2": canary}),
        split=all_to("v1", "s").reweighted({"v1": 9500, "v2": 500}),
        released="v1",
        rollout=Rollout("r", "canary", "v2", "v1", (Step(500), Step(2500)), 0, 0.0, 0.0, "ann"),
    )
    body = {**ledger.to_body(), "verdict": {"word": "undecided"}}
    entry = store.append(1, body, "canary", "ann", "why", AT)
    assert json.loads(message_of(entry).body) == {
        "model": "toy",
        "revision": 1,
        "action": "canary",
        "actor": "ann",
        "reason": "why",
        "at": "2026-05-01T12:00:00+00:00",
        "released": "v1",
        "split": {"v1": 95.0, "v2": 5.0},
        "rollout": {
            "strategy": "canary",
            "candidate": "v2",
            "stable": "v1",
            "step": 1,
            "steps": 2,
            "paused": False,
        },
        "verdict": {"word": "undecided"},
        "hash": entry.hash,
    }


def test_a_message_has_a_bound_and_an_entry_of_another_form_is_told_too(store):
    record(store, verdict={"says": "x" * 2 * MOST_BYTES})
    message = message_of(store.history()[0])
    assert len(message.body) < MOST_BYTES
    assert json.loads(message.body)["verdict"] is None
    record(store, format=99)
    assert json.loads(message_of(store.history()[0]).body)["split"] is None


@pytest.mark.parametrize("answers", [(500,), (302, 404, 503)])
def test_what_is_not_taken_is_told_again_and_nothing_overtakes_it(store, receivers, answers):
    receivers.append(Receiver(answers=answers))
    record(store, 3)
    with delivering(Webhooks((receivers[0].url,), SECRET, QUICK), store, lambda _: Memory()):
        until(lambda: len(receivers[0].got) == 3, "all are taken")

    assert receivers[0].revisions == [1, 2, 3]
    assert receivers[0].asked == 3 + len(answers)


def test_a_receiver_that_was_not_there_is_told_when_it_comes(store, receivers, caplog):
    port = free_port()
    record(store, 2)
    caplog.set_level(logging.WARNING, "sluice.webhooks")
    with delivering(
        Webhooks((f"http://127.0.0.1:{port}/secret-path",), SECRET, QUICK),
        store,
        lambda _: Memory(),
    ):
        until(lambda: "did not take revision 1" in caplog.text, "a refused connection was noticed")
        receivers.append(Receiver(port))
        until(lambda: len(receivers[0].got) == 2, "all are taken")

    assert receivers[0].revisions == [1, 2]
    assert "secret-path" not in caplog.text
    assert SECRET.decode() not in caplog.text


def test_a_dead_receiver_holds_no_other(store, receivers):
    receivers += [Receiver(), Receiver()]
    receivers[0].hold.clear()
    record(store, 5)
    urls = (receivers[0].url, f"http://127.0.0.1:{free_port()}", receivers[1].url)
    with delivering(Webhooks(urls, SECRET, QUICK), store, lambda _: Memory()):
        until(lambda: len(receivers[1].got) == 5, "the living one is told all")
        assert receivers[0].got == []

    assert receivers[1].revisions == [1, 2, 3, 4, 5]


def test_what_is_not_taken_in_time_is_given_up_and_the_next_one_follows(store, receivers, caplog):
    receivers.append(Receiver(answers=(500,) * 1000))
    record(store, 1)
    memory = Memory()
    hasty = replace(QUICK, give_up_s=0.1)
    with delivering(Webhooks((receivers[0].url,), SECRET, hasty), store, lambda _: memory):
        until(lambda: memory.last() == 1, "revision 1 was given up")
        receivers[0].answers.clear()
        record(store, 1)
        until(lambda: receivers[0].got, "revision 2 is taken")

    assert receivers[0].revisions == [2]
    assert "receiver 1 did not get revision 1, given up: it answered 500" in caplog.text


def test_a_new_leader_goes_on_without_a_gap(store, receivers):
    receivers.append(Receiver())
    marks = Marks()
    hooks = Webhooks((receivers[0].url,), SECRET, QUICK)
    marks.mark(f"webhook:{receiver(receivers[0].url)}:0", "0", {})

    def progress(url: str) -> SavedCursors:
        return SavedCursors(marks, url, store.revision)

    for round_ in range(1, 4):
        record(store, 2)
        with delivering(hooks, store, progress):
            until(lambda done=2 * round_: len(receivers[0].got) >= done, "told in this term")
        record(store, 2) if round_ == 2 else None

    record(store, 1)
    with delivering(hooks, store, progress):
        until(lambda: receivers[0].revisions[-1] == 9, "the last one is told")

    assert sorted(set(receivers[0].revisions)) == list(range(1, 10))
    assert receivers[0].revisions == sorted(receivers[0].revisions)


def test_a_new_receiver_hears_of_what_comes_and_not_of_the_past(store, receivers):
    receivers.append(Receiver())
    record(store, 4)
    memory = Memory(None)
    with delivering(Webhooks((receivers[0].url,), SECRET, QUICK), store, lambda _: memory):
        until(lambda: memory.last() == 4, "it begins at the newest")
        record(store, 1)
        until(lambda: receivers[0].got, "the next one is told")

    assert receivers[0].revisions == [5]


def test_a_process_that_follows_late_leaves_nothing_out(store, receivers):
    """The record is ahead of the revision that this process knows of."""
    receivers.append(Receiver())
    record(store, 6)
    hooks = Webhooks((receivers[0].url,), SECRET, QUICK)

    async def late() -> None:
        task = asyncio.create_task(deliver(hooks, store, lambda: 2, lambda _: Memory()))
        while len(receivers[0].got) < 6:
            await asyncio.sleep(0.01)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(asyncio.wait_for(late(), 20))
    assert receivers[0].revisions == [1, 2, 3, 4, 5, 6]


def test_a_record_that_is_away_is_asked_again(store, receivers):
    receivers.append(Receiver())
    record(store, 1)

    class Away(Memory):
        fails = 2

        def last(self) -> int | None:
            self.fails -= 1
            if self.fails >= 0:
                raise StoreError("the database is away")
            return super().last()

        def done(self, revision: int) -> None:
            raise StoreError("the database is away")

    with delivering(Webhooks((receivers[0].url,), SECRET, QUICK), store, lambda _: Away()):
        until(lambda: receivers[0].got, "it is told")
        record(store, 1)
        until(lambda: len(receivers[0].got) == 2, "and of the next one")

    assert receivers[0].revisions == [1, 2]


def test_a_certificate_that_nobody_signed_is_not_trusted(store, receivers, tmp_path, caplog):
    receivers.append(Receiver(context=served_by(self_signed(tmp_path / "both.pem"))))
    record(store, 1)
    memory = Memory()
    hasty = replace(QUICK, give_up_s=0.1)
    with delivering(Webhooks((receivers[0].url,), SECRET, hasty), store, lambda _: memory):
        until(lambda: memory.last() == 1, "it was given up")

    assert receivers[0].asked == 0


def test_without_receivers_nothing_is_done(store):
    asyncio.run(
        asyncio.wait_for(
            deliver(Webhooks((), SECRET), store, store.revision, lambda _: Memory()), 5
        )
    )


def test_progress_is_found_in_few_looks_however_long_the_ledger_is():
    marks, newest = Marks(), 0
    progress = SavedCursors(marks, "https://example.com/a", lambda: newest)
    other = SavedCursors(marks, "https://example.com/b", lambda: newest)
    assert progress.last() is None
    for newest in range(1, 5 * PAGE):
        progress.done(newest)

    marks.looks = 0
    assert (progress.last(), other.last()) == (5 * PAGE - 1, None)
    assert marks.looks == 1 + 5
    newest = 9 * PAGE
    assert progress.last() == 5 * PAGE - 1
    assert "example.com" not in str(marks.kept)


def test_progress_is_kept_in_the_database(store, tmp_path):
    store_engine = engine(f"sqlite:///{tmp_path}/ledger.db")
    try:
        progress = SavedCursors(
            EvidenceStore(store_engine, "toy"), "https://example.com", lambda: 2 * PAGE
        )
        assert progress.last() is None
        for revision in (7, 7, PAGE + 3):
            progress.done(revision)
        assert progress.last() == PAGE + 3
    finally:
        store_engine.dispose()


def test_the_secret_is_needed_where_there_are_receivers_and_is_printed_nowhere(tmp_path):
    (tmp_path / "deploy.toml").write_text('[webhooks]\nurls = ["https://example.com"]\n')
    environment = {
        "SLUICE_CONFIG": str(tmp_path / "deploy.toml"),
        "SLUICE_SERVICE_SECRET": "s" * 16,
        "SLUICE_TOKEN_KEY": "t" * 16,
    }
    with pytest.raises(RouterMisconfigured, match="SLUICE_WEBHOOK_SECRET"):
        from_environment(environment)

    config = from_environment({**environment, "SLUICE_WEBHOOK_SECRET": SECRET.decode()})
    assert config.webhook_secret == SECRET
    for printed in (repr(config), repr(Webhooks(("https://example.com",), SECRET))):
        assert SECRET.decode() not in printed
