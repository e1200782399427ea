"""Remembers the units of a rollout, since only the first request of a unit counts in the verdict.

A unit always gets the same version, so its further requests are no new draws: counted, they would
make one unlucky user look like many. The memory is a Bloom filter in a file that all workers of
this machine map, so it is bounded, shared, and outlives a worker. It takes about one new unit in a
hundred for a known one, which costs evidence but does not bias it: that does not depend on the
version."""

import logging
import mmap
import os
from hashlib import blake2b
from pathlib import Path

log = logging.getLogger("sluice.units")
BYTES = 1 << 21
_MASK = BYTES * 8 - 1
HASHES = 4


class SeenUnits:
    """The units met in one rollout."""

    def __init__(self, folder: Path, rollout: str) -> None:
        self._key = rollout.encode()[:64]
        try:
            self._bits = _shared(folder, rollout)
        except OSError as error:
            # A full disk must not stop the router. Each worker then knows only its own units.
            log.warning(
                "the units met are known to this worker alone: %s: %s", folder, error.strerror
            )
            self._bits = mmap.mmap(-1, BYTES)

    def first(self, unit: bytes) -> bool:
        """Record a unit. Returns whether it is new."""
        digest = blake2b(unit, digest_size=4 * HASHES, key=self._key).digest()
        bits, new = self._bits, False
        for start in range(0, 4 * HASHES, 4):
            position = int.from_bytes(digest[start : start + 4], "big") & _MASK
            byte, bit = position >> 3, 1 << (position & 7)
            if not bits[byte] & bit:
                bits[byte] |= bit
                new = True

        return new

    def close(self) -> None:
        """Unmap the file."""
        self._bits.close()


def _shared(folder: Path, rollout: str) -> mmap.mmap:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{blake2b(rollout.encode(), digest_size=8).hexdigest()}.units"
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        # The disk space is reserved: a page of a mapped file without any would end the process.
        os.posix_fallocate(handle, 0, BYTES)
        bits = mmap.mmap(handle, BYTES)
    finally:
        os.close(handle)

    forget_others(folder, path.name)
    return bits


def forget_others(folder: Path, kept: str) -> None:
    """Delete the units of former rollouts; another worker that maps such a file can go on."""
    for path in folder.glob("*.units"):
        if path.name != kept:
            path.unlink(missing_ok=True)
