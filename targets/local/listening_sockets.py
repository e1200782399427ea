"""Loaded by the supervisor: a program's listening socket stays open while the program is restarted.

The supervisor closes a socket that it made with the last process that has it. Here it stays open
from a program's start until it is told to stop, or given up: who connects while the program is down
waits, and nobody is refused."""

from typing import Any

from supervisor import events


class Sockets:
    """What is held, by program. Its public methods would be remote calls, so it has none."""

    def __init__(self) -> None:
        self._held: dict[str, Any] = {}
        events.subscribe(events.ProcessStateStartingEvent, self._keep)
        events.subscribe(events.ProcessStateStoppingEvent, self._release)
        events.subscribe(events.ProcessStateFatalEvent, self._release)

    def _keep(self, event: Any) -> None:
        manager = getattr(event.process.group, "socket_manager", None)
        if manager is not None and event.process.config.name not in self._held:
            self._held[event.process.config.name] = manager.get_socket()

    def _release(self, event: Any) -> None:
        """Nobody will answer any more: better refused at once than left to wait."""
        if self._held.pop(event.process.config.name, None) is not None:
            event.process.after_finish()


def keep_sockets(_supervisor: object, **_settings: str) -> Sockets:
    """The supervisor's extension, named in its file."""
    return Sockets()
