"""Tells receivers of every new revision of the ledger: signed, in order, at least once, each
receiver by itself.

The ledger is the queue: a courier remembers only how far its receiver was told, and reads what came
since. What is not taken is sent again after growing pauses; after an hour it is given up, logged,
and the next revision's turn comes."""

import asyncio
import logging
import ssl
import time
from collections.abc import Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from router.webhooks.cursor import Progress
from router.webhooks.messages import Message, headers, message_of
from store.entry import Entry
from store.errors import StoreError

# The client is imported by whoever has receivers: every router worker would carry it otherwise.
if TYPE_CHECKING:
    import httpx

log = logging.getLogger("sluice.webhooks")
LOOK_S = 0.2
MOST_BEHIND = 1_000


@dataclass(frozen=True)
class RetryPolicy:
    """Seconds: for one answer, between attempts at first and at most, and until a revision is given
    up.
    """

    answer_s: float = 5.0
    first_pause_s: float = 1.0
    longest_pause_s: float = 60.0
    give_up_s: float = 3600.0


@dataclass(frozen=True)
class Webhooks:
    """Whom to tell, and what signs it (never printed)."""

    urls: tuple[str, ...]
    secret: bytes = field(repr=False)
    patience: RetryPolicy = RetryPolicy()


class LedgerRevisions(Protocol):
    """What is told of: store.ledger.LedgerStore."""

    def history(self, limit: int | None = None) -> list[Entry]:
        """The newest entries, newest first."""


class Refused(Exception):
    """The receiver did not take it; the message says how, without the address."""


async def deliver(
    hooks: Webhooks,
    record: LedgerRevisions,
    newest: Callable[[], int],
    progress: Callable[[str], Progress],
) -> None:
    """Deliver until cancelled. For the leading process alone: two would tell everything twice.

    newest: the revision that this process follows, without I/O; progress: of the receiver at that
    URL. A receiver that is new hears of what comes from now on."""
    if not hooks.urls:
        return

    with_threads = ThreadPoolExecutor(len(hooks.urls), thread_name_prefix="webhooks")
    couriers = [
        asyncio.create_task(
            Deliverer(number, url, hooks, record, newest, progress(url), with_threads).run()
        )
        for number, url in enumerate(hooks.urls, 1)
    ]
    try:
        # A courier that ends by a fault of its own must not take the others with it.
        for ended in asyncio.as_completed(couriers):
            try:
                await ended
            except Exception:
                log.exception(
                    "a receiver of webhooks is told nothing more until the router is started again"
                )
    finally:
        for courier in couriers:
            courier.cancel()
        await asyncio.gather(*couriers, return_exceptions=True)
        with_threads.shutdown(wait=False, cancel_futures=True)


class Deliverer:
    """Tells one receiver."""

    def __init__(
        self,
        number: int,
        url: str,
        hooks: Webhooks,
        record: LedgerRevisions,
        newest: Callable[[], int],
        progress: Progress,
        threads: Executor,
    ) -> None:
        self.name, self.url, self.secret, self.patience = (
            f"receiver {number}",
            url,
            hooks.secret,
            hooks.patience,
        )
        self.record, self.newest, self.progress, self.threads = record, newest, progress, threads

    async def run(self) -> None:
        """Tell of each revision in turn."""
        async with _client(self.url, self.patience.answer_s) as client:
            last = await self._started()
            while True:
                await asyncio.sleep(LOOK_S)
                for message in await self._since(last) if self.newest() > last else []:
                    await self._tell(client, message)
                    last = message.revision
                    await self._remember(last)

    async def _started(self) -> int:
        """The revision that was told last; the newest one where nothing ever was."""
        last: int | None = await self._insist(self.progress.last)
        if last is not None:
            return last

        newest = self.newest()
        await self._remember(newest)
        return newest

    async def _since(self, last: int) -> list[Message]:
        """What was recorded after `last`, oldest first."""
        behind = self.newest() - last
        entries: list[Entry] = await self._insist(self.record.history, min(behind, MOST_BEHIND))
        # The record may have gone on since this process looked.
        while entries and entries[-1].revision > last + 1 and len(entries) < MOST_BEHIND:
            behind = entries[0].revision - last
            entries = await self._insist(self.record.history, min(behind, MOST_BEHIND))

        if behind > MOST_BEHIND:
            log.error(
                "%s is %d revisions behind: it is told of the newest %d",
                self.name,
                behind,
                MOST_BEHIND,
            )

        return [message_of(entry) for entry in reversed(entries) if entry.revision > last]

    async def _tell(self, client: "httpx.AsyncClient", message: Message) -> None:
        """Until it is taken or given up."""
        give_up = time.monotonic() + self.patience.give_up_s
        pause = self.patience.first_pause_s
        failed = 0
        while True:
            try:
                await self._attempt(client, message)
            except Refused as refused:
                failed += 1
                if time.monotonic() + pause > give_up:
                    log.error(
                        "%s was not told of revision %d: %s", self.name, message.revision, refused
                    )
                    return
                if failed == 1:
                    log.warning(
                        "%s did not take revision %d, again soon: %s",
                        self.name,
                        message.revision,
                        refused,
                    )
                await asyncio.sleep(pause)
                pause = min(2 * pause, self.patience.longest_pause_s)
            else:
                if failed:
                    log.info(
                        "%s took revision %d after %d attempts",
                        self.name,
                        message.revision,
                        failed + 1,
                    )
                return

    async def _attempt(self, client: "httpx.AsyncClient", message: Message) -> None:
        """One POST. The answer's body is not read: it may be endless."""
        import httpx

        signed = headers(message, self.secret, int(time.time()))
        try:
            async with (
                asyncio.timeout(self.patience.answer_s),
                client.stream("POST", self.url, content=message.body, headers=signed) as answer,
            ):
                status = answer.status_code
        except TimeoutError as error:
            raise Refused(f"no answer in {self.patience.answer_s:g} s") from error
        except (httpx.HTTPError, httpx.InvalidURL, OSError, UnicodeError) as error:
            raise Refused(type(error).__name__) from error

        if not 200 <= status < 300:
            raise Refused(f"it answered {status}")

    async def _remember(self, revision: int) -> None:
        # What is not remembered is told again by the next leader: the record may be away and the
        # courier goes on.
        try:
            await self._aside(self.progress.done, revision)
        except StoreError as error:
            log.warning(
                "that %s was told of revision %d was not kept: %s", self.name, revision, error
            )

    async def _insist(self, look: Callable[..., Any], *arguments: Any) -> Any:
        """What the record says, asked again while it is away."""
        pause = self.patience.first_pause_s
        while True:
            try:
                return await self._aside(look, *arguments)
            except StoreError as error:
                log.warning("%s waits for the record: %s", self.name, error)
                await asyncio.sleep(pause)
                pause = min(2 * pause, self.patience.longest_pause_s)

    async def _aside(self, work: Callable[..., Any], *arguments: Any) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self.threads, work, *arguments)


def _client(url: str, answer_s: float) -> "httpx.AsyncClient":
    """A client of one connection, without redirects and without the environment's proxies and
    passwords.
    """
    import httpx

    # It would write every address, which may be a secret, to the log.
    logging.getLogger("httpx").setLevel(logging.WARNING)
    verify = ssl.create_default_context() if url.startswith("https:") else False
    limits = httpx.Limits(max_connections=1, max_keepalive_connections=1)
    return httpx.AsyncClient(
        timeout=answer_s, limits=limits, follow_redirects=False, trust_env=False, verify=verify
    )
