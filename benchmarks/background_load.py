"""A load that runs in a thread with an event loop of its own."""

import threading
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import Self

import uvloop


@dataclass
class BackgroundLoad(ABC):
    """Sends while its context is open; `_over` is set at the end."""

    _over: threading.Event = field(default_factory=threading.Event, init=False, repr=False)

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=lambda: uvloop.run(self._all()))
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join(60)

    @abstractmethod
    async def _all(self) -> None:
        """Send until `_over` is set."""
