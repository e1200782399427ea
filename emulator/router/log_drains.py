"""Sends an app's log to its drains: batches of syslog lines over HTTP, tried again a few times.

As on the platform, a batch keeps its id when it is sent again, lines that no try delivers are lost,
and nothing waits for a slow receiver.
"""

import asyncio
from base64 import b64encode
from contextlib import suppress
from urllib.parse import unquote, urlsplit

from emulator.dynos.logs import Line
from emulator.dynos.tasks import Tasks
from emulator.model.app import Drain
from emulator.model.ids import new_id
from emulator.model.state import State
from emulator.router.http1 import ConnectionClosed, Headers, Inbound, ProtocolError, head_of

BATCH_S = 0.5
TRIES, PAUSE_S, ANSWER_S = 4, 1.0, 10.0
LOGPLEX = "logplex"
PRIORITY = {"app": 190, "heroku": 158}


class LogDrains:
    """One task a drain. `port` is the server's own, where the hosts of the apps are served."""

    def __init__(self, state: State) -> None:
        self.state = state
        self.port = 0
        self._tasks = Tasks()
        self._running: dict[str, asyncio.Task[None]] = {}

    def begin(self, drain: Drain) -> None:
        """Send the lines that are logged from now on."""
        self._running[drain.id] = self._tasks.spawn(self._drain(drain))

    def stop(self, drain: Drain) -> None:
        """Send no more lines to a drain."""
        if (task := self._running.pop(drain.id, None)) is not None:
            task.cancel()

    async def end(self) -> None:
        """Stop all drains."""
        await self._tasks.end()

    async def _drain(self, drain: Drain) -> None:
        log = drain.app.log
        sent = log.count
        while True:
            # A line about lost lines is sent with the next one: alone it would be lost too, which
            # is logged, and so on for ever.
            await log.changed.until(
                lambda: log.count > sent and log.lines[-1].dyno != LOGPLEX,  # noqa: B023
                None,
            )
            # What comes in quick succession goes together.
            await asyncio.sleep(BATCH_S)
            lines = [line for line in log.lines if line.number > sent]
            sent = lines[-1].number
            if not await self._delivered(drain, lines):
                text = f"Error L10 (output buffer overflow): {len(lines)} messages dropped"
                log.add("heroku", LOGPLEX, text)

    async def _delivered(self, drain: Drain, lines: list[Line]) -> bool:
        """Whether the receiver accepted them, at one of a few tries."""
        frame = new_id()
        for number in range(TRIES):
            if number:
                await asyncio.sleep(PAUSE_S)
            with suppress(OSError, ConnectionClosed, ProtocolError, TimeoutError):
                if 200 <= await asyncio.wait_for(self._post(drain, frame, lines), ANSWER_S) < 300:
                    return True

        return False

    async def _post(self, drain: Drain, frame: str, lines: list[Line]) -> int:
        """Try once; returns the status."""
        url = urlsplit(drain.url)
        body = b"".join(map(syslog_frame, lines))
        port = url.port or 80
        if self.state.app_by_host(url.hostname or "") is not None:
            port = self.port

        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            headers = _headers(drain, frame, len(lines), len(body))
            head = head_of(f"POST {url.path or '/'} HTTP/1.1", headers)
            writer.write(head + body)
            await writer.drain()
            return (await Inbound(reader, request=False).head()).status
        finally:
            writer.close()


def syslog_frame(line: Line) -> bytes:
    """A line as it is sent: its length, and syslog's fields without structured data."""
    priority = PRIORITY[line.source]
    text = f"<{priority}>1 {line.at} host {line.source} {line.dyno} - {line.text}\n".encode()
    return b"%d " % len(text) + text


def _headers(drain: Drain, frame: str, count: int, size: int) -> Headers:
    url = urlsplit(drain.url)
    headers = [
        ("Host", url.hostname or ""),
        ("Content-Type", "application/logplex-1"),
        ("Logplex-Msg-Count", str(count)),
        ("Logplex-Frame-Id", frame),
        ("Logplex-Drain-Token", drain.token),
        ("User-Agent", "Logplex/v72"),
        ("Content-Length", str(size)),
        ("Connection", "close"),
    ]
    if url.username:
        user = f"{unquote(url.username)}:{unquote(url.password or '')}"
        headers.append(("Authorization", f"Basic {b64encode(user.encode()).decode()}"))

    return headers
