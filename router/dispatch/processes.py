"""The processes of one version, as its answers name them, and how busy each of them is."""

MOST_PROCESSES = 256
HEADER = b"x-sluice-process"
"""`PROCESS/COUNT`: the process that answered, and how many the version has."""


class Processes:
    """Counts the exchanges in progress of each process of one version.

    count: how many processes there are; 1 for a version that does not say so."""

    __slots__ = ("_exchanges", "count")

    def __init__(self) -> None:
        self.count = 1
        self._exchanges: dict[bytes, int] = {}

    def begin(self, process: bytes) -> None:
        """Count an exchange in progress. process: empty where it is not known."""
        self._exchanges[process] = self._exchanges.get(process, 0) + 1

    def end(self, process: bytes) -> None:
        """Count one that has ended."""
        left = self._exchanges[process] - 1
        if left:
            self._exchanges[process] = left
        else:
            del self._exchanges[process]

    def exchanges_of(self, process: bytes) -> int:
        """How many exchanges a process has in progress."""
        return self._exchanges.get(process, 0)

    def named_in(self, headers: list[tuple[bytes, bytes]], process: bytes) -> bytes:
        """The process that answered; `process` where the answer does not name it."""
        for name, value in headers:
            if name == HEADER:
                return self._noted(value) or process

        return process

    def _noted(self, value: bytes) -> bytes:
        """The process that a header names, empty where it is not of this form."""
        process, _, count = value.partition(b"/")
        if not count.isdigit() or len(value) > 40:
            return b""

        self.count = max(1, min(int(count), MOST_PROCESSES))
        return process
