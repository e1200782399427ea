"""Which units have been met in a rollout: only the first request of a unit bets.

A unit always meets the same version, so its further requests are no new draws: counted, they would
make one unlucky user look like many. The memory is a Bloom filter in a file that all workers of
this machine map: bounded, shared, and still there after a worker's end. That it takes one unit in
some hundred for one it knows costs evidence, not honesty, since membership has nothing to do with
the version."""

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
            # A full disk must not keep a rollout from being followed. Each worker then knows the
            # units it met itself.
            log.warning(
                "the units met are known to this worker alone: %s: %s", folder, error.strerror
            )
            self._bits = mmap.mmap(-1, BYTES)

    def first(self, unit: bytes) -> bool:
        """Whether this unit was not met before; it is from now on."""
        digest = blake2b(unit, digest_size=4 * HASHES, key=self._key).digest()
        bits, new = self._bits, False
        for start in range(0, 4 * HASHES, 4):
            place = int.from_bytes(digest[start : start + 4], "big") & _MASK
            byte, bit = place >> 3, 1 << (place & 7)
            if not bits[byte] & bit:
                bits[byte] |= bit
                new = True

        return new

    def close(self) -> None:
        """Unmap."""
        self._bits.close()


def _shared(folder: Path, rollout: str) -> mmap.mmap:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{blake2b(rollout.encode(), digest_size=8).hexdigest()}.units"
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        # The room is taken now: a page of a mapped file for which there is none ends the process.
        os.posix_fallocate(handle, 0, BYTES)
        bits = mmap.mmap(handle, BYTES)
    finally:
        os.close(handle)

    forget_others(folder, path.name)
    return bits


def forget_others(folder: Path, kept: str) -> None:
    """Only the rollout in progress needs its units; a file that another worker maps lives on until
    it closes it.
    """
    for path in folder.glob("*.units"):
        if path.name != kept:
            path.unlink(missing_ok=True)
