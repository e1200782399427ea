"""Delivers new revisions of the ledger to webhooks: signed, in order, at least once.

The ledger is the queue: a deliverer stores only the last revision that its receiver got, and reads
the later ones. A failed delivery is repeated after growing pauses. After an hour it is given up and
logged, and the next revision follows. Receivers do not wait for each other."""

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

# Imported only where there are receivers, to save the memory of the other workers.
if TYPE_CHECKING:
    import httpx

log = logging.getLogger("sluice.webhooks")
LOOK_S = 0.2
MOST_BEHIND = 1_000


@dataclass(frozen=True)
class RetryPolicy:
    """Seconds: for an answer, between attempts at first and at most, and until it is given up."""

    answer_s: float = 5.0
    first_pause_s: float = 1.0
    longest_pause_s: float = 60.0
    give_up_s: float = 3600.0


@dataclass(frozen=True)
class Webhooks:
    """The receivers' URLs and the secret that signs messages (never printed)."""

    urls: tuple[str, ...]
    secret: bytes = field(repr=False)
    retry_policy: RetryPolicy = RetryPolicy()


class LedgerRevisions(Protocol):
    """The revisions to deliver: store.ledger.LedgerStore."""

    def history(self, limit: int | None = None) -> list[Entry]:
        """The newest entries, newest first."""


class Refused(Exception):
    """The receiver did not accept a message. The text says why, without the URL."""


async def deliver(
    hooks: Webhooks,
    record: LedgerRevisions,
    newest: Callable[[], int],
    progress: Callable[[str], Progress],
) -> None:
    """Deliver until cancelled. Only the controller does: two would deliver everything twice.

    newest: gives the revision that this process follows, without I/O. progress: the cursor of a
    URL. A new receiver gets the revisions from now on."""
    if not hooks.urls:
        return

    threads = ThreadPoolExecutor(len(hooks.urls), thread_name_prefix="webhooks")
    tasks = []
    for number, url in enumerate(hooks.urls, 1):
        deliverer = Deliverer(number, url, hooks, record, newest, progress(url), threads)
        tasks.append(asyncio.create_task(deliverer.run()))

    try:
        # A deliverer that fails must not stop the others.
        for ended in asyncio.as_completed(tasks):
            try:
                await ended
            except Exception:
                log.exception(
                    "webhooks to one receiver stopped: restart the router to deliver them again"
                )
    finally:
        for task in tasks:
            task.cancel()

        await asyncio.gather(*tasks, return_exceptions=True)
        threads.shutdown(wait=False, cancel_futures=True)


class Deliverer:
    """Delivers to one receiver."""

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
        self.name, self.url = f"receiver {number}", url
        self.secret, self.retry_policy = hooks.secret, hooks.retry_policy
        self.record, self.newest, self.progress, self.threads = record, newest, progress, threads

    async def run(self) -> None:
        """Deliver each revision in turn."""
        async with _client(self.url, self.retry_policy.answer_s) as client:
            last = await self._first_cursor()
            while True:
                await asyncio.sleep(LOOK_S)
                if self.newest() <= last:
                    continue

                for message in await self._since(last):
                    await self._deliver(client, message)
                    last = message.revision
                    await self._save_cursor(last)

    async def _first_cursor(self) -> int:
        """The last revision that was delivered; the newest one for a new receiver."""
        last: int | None = await self._retry(self.progress.last)
        if last is not None:
            return last

        newest = self.newest()
        await self._save_cursor(newest)
        return newest

    async def _since(self, last: int) -> list[Message]:
        """The messages of the revisions after `last`, oldest first."""
        behind = self.newest() - last
        entries: list[Entry] = await self._retry(self.record.history, min(behind, MOST_BEHIND))
        # There may be newer revisions by now.
        while entries and entries[-1].revision > last + 1 and len(entries) < MOST_BEHIND:
            behind = entries[0].revision - last
            entries = await self._retry(self.record.history, min(behind, MOST_BEHIND))

        if behind > MOST_BEHIND:
            log.error(
                "%s is %d revisions behind: it gets only the newest %d",
                self.name,
                behind,
                MOST_BEHIND,
            )

        return [message_of(entry) for entry in reversed(entries) if entry.revision > last]

    async def _deliver(self, client: "httpx.AsyncClient", message: Message) -> None:
        """Send a message until the receiver accepts it or it is given up."""
        give_up = time.monotonic() + self.retry_policy.give_up_s
        pause = self.retry_policy.first_pause_s
        failed = 0
        while True:
            try:
                await self._attempt(client, message)
            except Refused as refused:
                failed += 1
                if time.monotonic() + pause > give_up:
                    log.error(
                        "%s did not get revision %d, given up: %s",
                        self.name,
                        message.revision,
                        refused,
                    )
                    return

                if failed == 1:
                    log.warning(
                        "%s did not take revision %d, it is sent again: %s",
                        self.name,
                        message.revision,
                        refused,
                    )

                await asyncio.sleep(pause)
                pause = min(2 * pause, self.retry_policy.longest_pause_s)
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
        """Send one POST. The body of the answer is not read, since it may be endless."""
        import httpx

        signed = headers(message, self.secret, int(time.time()))
        try:
            async with (
                asyncio.timeout(self.retry_policy.answer_s),
                client.stream("POST", self.url, content=message.body, headers=signed) as answer,
            ):
                status = answer.status_code
        except TimeoutError as error:
            raise Refused(f"no answer in {self.retry_policy.answer_s:g} s") from error
        except (httpx.HTTPError, httpx.InvalidURL, OSError, UnicodeError) as error:
            raise Refused(type(error).__name__) from error

        if not 200 <= status < 300:
            raise Refused(f"it answered {status}")

    async def _save_cursor(self, revision: int) -> None:
        # If it is not saved, the next controller delivers this revision again.
        try:
            await self._in_thread(self.progress.done, revision)
        except StoreError as error:
            log.warning(
                "the delivery of revision %d to %s was not recorded: %s", revision, self.name, error
            )

    async def _retry(self, read: Callable[..., Any], *arguments: Any) -> Any:
        """The result of a read, repeated while the database does not answer."""
        pause = self.retry_policy.first_pause_s
        while True:
            try:
                return await self._in_thread(read, *arguments)
            except StoreError as error:
                log.warning("%s waits for the database: %s", self.name, error)
                await asyncio.sleep(pause)
                pause = min(2 * pause, self.retry_policy.longest_pause_s)

    async def _in_thread(self, work: Callable[..., Any], *arguments: Any) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self.threads, work, *arguments)


def _client(url: str, answer_s: float) -> "httpx.AsyncClient":
    """A client with one connection, without redirects, and without proxies of the environment."""
    import httpx

    # At INFO it logs every URL, which may contain a secret.
    logging.getLogger("httpx").setLevel(logging.WARNING)
    verify = ssl.create_default_context() if url.startswith("https:") else False
    limits = httpx.Limits(max_connections=1, max_keepalive_connections=1)
    return httpx.AsyncClient(
        timeout=answer_s, limits=limits, follow_redirects=False, trust_env=False, verify=verify
    )
