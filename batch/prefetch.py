"""Runs a generator in a thread of its own, a little ahead of the one who takes its items."""

from collections.abc import Generator, Iterator
from contextlib import closing
from queue import SimpleQueue
from threading import Event, Semaphore, Thread
from typing import Generic, TypeVar

Item = TypeVar("Item")


def prefetch(items: Generator[Item, None, None]) -> Generator[Item, None, None]:
    """The same items in the same order, the next one made while the one before it is used.

    At most two are made and not taken. What the generator raises is raised here. Closed early, it
    ends the generator, after the item in hand, before it returns.
    """
    producer = _Producer(items)
    producer.start()
    try:
        yield from producer.taken()
    finally:
        producer.stop()


class _End:
    """What comes after the last item. error: what ended the generator, if it failed."""

    def __init__(self, error: BaseException | None) -> None:
        self.error = error


class _Producer(Generic[Item]):
    def __init__(self, items: Generator[Item, None, None]) -> None:
        self._items = items
        self._made: SimpleQueue[Item | _End] = SimpleQueue()
        self._room, self._stopped = Semaphore(1), Event()
        # A second Ctrl-C waits for nobody.
        self._thread = Thread(target=self._run, name="prefetch", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopped.set()
        self._room.release()
        self._thread.join()

    def taken(self) -> Iterator[Item]:
        while True:
            item = self._made.get()
            if isinstance(item, _End):
                break

            self._room.release()
            yield item

        if item.error is not None:
            raise item.error

    def _run(self) -> None:
        error = None
        try:
            self._make()
        except BaseException as caught:  # noqa: BLE001 (it is raised where the items are taken)
            error = caught

        self._made.put(_End(error))

    def _make(self) -> None:
        with closing(self._items):
            for item in self._items:
                self._room.acquire()
                if self._stopped.is_set():
                    return

                self._made.put(item)
