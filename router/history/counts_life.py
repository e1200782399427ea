"""The life of a machine's counts: from the start of its router to the next one, which counts from
zero.

Each life is a source of its own for the history, with a name that is never used again. What a life
had counted when it ended is kept in a file until it is handed in, so that a restart of the router
loses nothing."""

import os
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from rollout.verdict.evidence import summed
from router.evidence import worker_metrics

_LIFE = "life"
_ENDED = "ended-"
_HANDED_IN = "handed-in-"


@dataclass(frozen=True)
class EndedLife:
    """A life that is over. at: when it last counted (epoch seconds); counts: all of it."""

    life: str
    at: float
    counts: dict[str, float]


def begin_life(state: Path) -> None:
    """Begin a new life with a new router, unless workers of a killed master still count: then it
    is the same one. To be called before the first worker is there."""
    if not worker_metrics.are_counting(state):
        _keep_ended(state)
        worker_metrics.forget(state)
        (_folder(state) / _LIFE).unlink(missing_ok=True)

    current_life(state)


def current_life(state: Path) -> str:
    """The name of the life in which this machine counts."""
    path = _folder(state) / _LIFE
    if path.exists():
        return path.read_text()

    path.parent.mkdir(parents=True, exist_ok=True)
    name = secrets.token_hex(8)
    draft = path.with_suffix(f".{os.getpid()}.draft")
    draft.write_text(name)
    try:
        # Of several that make one at the same time, the first one's stays.
        os.link(draft, path)
    except FileExistsError:
        name = path.read_text()
    finally:
        draft.unlink()

    return name


def ended_lives(state: Path) -> list[EndedLife]:
    """The lives that are over and were not forgotten."""
    lives = []
    for path in sorted(_folder(state).glob(f"{_ENDED}*")):
        try:
            body = msgspec.json.decode(path.read_bytes())
            lives.append(EndedLife(path.name.removeprefix(_ENDED), body["at"], body["counts"]))
        except (OSError, msgspec.DecodeError):
            path.unlink(missing_ok=True)

    return lives


def forget_life(state: Path, life: str) -> None:
    """Forget a life that was handed in."""
    for kind in (_ENDED, _HANDED_IN):
        (_folder(state) / f"{kind}{life}").unlink(missing_ok=True)


def note_handed_in(state: Path, life: str) -> None:
    """Note that something of this life was handed in."""
    (_folder(state) / f"{_HANDED_IN}{life}").touch()


def was_handed_in(state: Path, life: str) -> bool:
    """Whether something of this life was ever handed in."""
    return (_folder(state) / f"{_HANDED_IN}{life}").exists()


def lock_file(state: Path) -> Path:
    """The file whose lock the worker has that hands in for this machine."""
    return _folder(state) / "lock"


def counted(state: Path) -> dict[str, float]:
    """All that the workers of this life have published."""
    return summed(snapshot.counts for snapshot in worker_metrics.published(state))


def _keep_ended(state: Path) -> None:
    """Keep what the last life had counted. Done twice, it is the same."""
    counts, path = counted(state), _folder(state) / _LIFE
    if not counts or not path.exists():
        return

    body: dict[str, Any] = {"at": _last_published(state), "counts": counts}
    draft = path.with_name(f"{os.getpid()}.draft")
    draft.write_bytes(msgspec.json.encode(body))
    draft.replace(path.with_name(f"{_ENDED}{path.read_text()}"))


def _last_published(state: Path) -> float:
    files = worker_metrics.folder(state).glob("*.json")
    return max((path.stat().st_mtime for path in files), default=0.0)


def _folder(state: Path) -> Path:
    return state / "run" / "history"
