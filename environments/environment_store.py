"""The environments of a state folder, one folder a digest.

Each is built beside its folder, under a lock of its digest, and moved there whole.
"""

import errno
import fcntl
import json
import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from environments.draft_folder import draft_folder, draft_path
from environments.errors import EnvironmentFailure
from environments.installed_packages import installed
from environments.installer import LONGEST_S, check_imports, install
from environments.specification import Specification

Say = Callable[[str], None]
ABOUT = "environment.json"
POLL_S = 0.1


@dataclass(frozen=True)
class Built:
    """A whole environment. megabytes: on the disk, as if nothing of it were shared."""

    folder: Path
    packages: dict[str, str]
    megabytes: float

    @property
    def bin(self) -> Path:
        """Where its python and gunicorn are."""
        return self.folder / "bin"

    @property
    def python(self) -> Path:
        """Its interpreter."""
        return self.bin / "python"


class EnvironmentStore:
    """The folder of built environments."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def find(self, specification: Specification) -> Built | None:
        """The environment, where it was built."""
        return self.find_digest(specification.digest)

    def built(self, specification: Specification, say: Say) -> Built:
        """The environment, built where there is none yet; raises EnvironmentFailure.

        One that somebody else builds at the moment is waited for.
        """
        environment = self.find(specification)
        if environment is not None:
            return environment

        digest = specification.digest
        with self._disk_errors_explained():
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            with self._locked(digest, say):
                return self.find(specification) or self._build(digest, specification, say)

    @contextmanager
    def in_use(self, specification: Specification, say: Say) -> Iterator[Built]:
        """The environment, which is not deleted meanwhile; raises EnvironmentFailure."""
        while True:
            environment = self.built(specification, say)
            with self._lock_file(specification.digest) as lock:
                fcntl.flock(lock, fcntl.LOCK_SH)
                if environment.python.exists():
                    yield environment
                    return

    def environments(self) -> dict[str, Built]:
        """All whole ones, by digest."""
        whole: dict[str, Built] = {}
        for path in sorted(self.folder.glob(f"[!.]*/{ABOUT}")):
            environment = self.find_digest(path.parent.name)
            if environment is not None:
                whole[path.parent.name] = environment

        return whole

    def find_digest(self, digest: str) -> Built | None:
        """The environment of that digest, where it is whole."""
        folder = self.folder / digest
        try:
            about = json.loads((folder / ABOUT).read_text())
            built = Built(folder, dict(about["packages"]), float(about["megabytes"]))
        except (OSError, ValueError, KeyError, TypeError):
            return None

        # The interpreter that it was made of may be gone.
        return built if built.python.exists() else None

    def delete(self, digest: str) -> bool:
        """Delete an environment that nobody uses; whether it was deleted."""
        with self._lock_file(digest) as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return False

            folder = self.folder / digest
            # At once no longer taken for whole.
            doomed = draft_path(folder)
            shutil.rmtree(doomed, ignore_errors=True)
            try:
                folder.rename(doomed)
            except FileNotFoundError:
                return False
            shutil.rmtree(doomed, ignore_errors=True)
            return True

    def _build(self, digest: str, specification: Specification, say: Say) -> Built:
        began = time.monotonic()
        with draft_folder(self.folder / digest) as draft:
            install(draft, specification, say)
            packages = installed(_site_packages(draft))
            _check_packages(packages, specification)
            check_imports(draft, specification)
            megabytes = _megabytes(draft)
            about = {"packages": packages, "megabytes": megabytes}
            (draft / ABOUT).write_text(json.dumps(about, indent=1))
            self._publish(draft, digest)

        say(
            f"  built in {time.monotonic() - began:.1f} s: {len(packages)} packages, "
            f"{megabytes:.0f} MB"
        )
        return Built(self.folder / digest, packages, megabytes)

    def _publish(self, draft: Path, digest: str) -> None:
        folder = self.folder / digest
        # What lies there is not whole: `find` said so, under this lock.
        shutil.rmtree(folder, ignore_errors=True)
        draft.rename(folder)

    @contextmanager
    def _locked(self, digest: str, say: Say) -> Iterator[None]:
        """Hold the lock of a digest; says whom it waits for."""
        give_up = time.monotonic() + LONGEST_S
        with self._lock_file(digest) as lock:
            waits = False
            while not _try_lock(lock):
                if not waits:
                    holder = os.pread(lock, 20, 0).decode(errors="replace").strip()
                    say(f"  process {holder or 'of somebody else'} builds it: waiting for that")
                    waits = True
                if time.monotonic() > give_up:
                    raise EnvironmentFailure(
                        f"another process has built it for {LONGEST_S:.0f} s: end that one, and "
                        "try again"
                    )
                time.sleep(POLL_S)

            os.ftruncate(lock, 0)
            os.pwrite(lock, str(os.getpid()).encode(), 0)
            yield

    @contextmanager
    def _lock_file(self, digest: str) -> Iterator[int]:
        path = self.folder / f"{digest}.lock"
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            yield descriptor
        finally:
            os.close(descriptor)

    @contextmanager
    def _disk_errors_explained(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise EnvironmentFailure(
                    f"the disk of {self.folder} is full: make room, or set SLUICE_STATE to another "
                    "disk, and try again"
                ) from error
            raise EnvironmentFailure(
                f"{error.filename or self.folder} cannot be written: {error.strerror}"
            ) from error


def _check_packages(packages: dict[str, str], specification: Specification) -> None:
    """Raise EnvironmentFailure where something was installed that nobody pinned."""
    if specification.open_ended:
        return

    pins = specification.pins
    unpinned = [name for name, version in packages.items() if pins.get(name) != version]
    if unpinned:
        raise EnvironmentFailure(
            f"{', '.join(unpinned)} came with the packages and has no version in environment.yaml: "
            "deliver the version again"
        )


def _site_packages(folder: Path) -> Path:
    (site,) = (folder / "lib").glob("python3*/site-packages")
    return site


def _megabytes(folder: Path) -> float:
    total = 0
    for path, _, names in os.walk(folder):
        for name in names:
            total += os.lstat(os.path.join(path, name)).st_size
    return round(total / 1e6, 1)


def _try_lock(lock: int) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
