"""The output folder of a run: one run at a time, and its notes, by which it goes on."""

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

from batch.errors import BatchError
from batch.inputs.input_files import InputFile
from batch.outputs.durable import draft_of, replaced
from batch.outputs.parts import PartFiles

MANIFEST, SUCCESS, LOCK, PARTS, BAD_ROWS = (
    "_sluice.json", "_SUCCESS", "_lock", "_parts", "_bad_rows.jsonl",
)  # fmt: skip
FORMAT = 1


class RunNotes(msgspec.Struct, frozen=True, kw_only=True):
    """_sluice.json. What begins with `made_of` has to be equal for a run to go on.

    state: running, failed, or done. rows, bad_rows: of a run that ended.
    """

    format: int = FORMAT
    state: str = "running"
    model: str
    version: str
    bundle: str
    runtime: str
    sluice: str
    keep: list[str]
    output_formats: list[str]
    bad_row_data: bool
    chunk_rows: int
    inputs: list[InputFile]
    outputs: list[str]
    began: str
    ended: str | None = None
    rows: int | None = None
    bad_rows: int | None = None

    def fingerprint(self) -> dict[str, Any]:
        """What decides the output, apart from the size of the chunks."""
        return {
            "format": self.format,
            "bundle": self.bundle,
            "runtime": self.runtime,
            "columns to keep": self.keep,
            "output format": self.output_formats,
            "values of bad rows": self.bad_row_data,
        }


class RunFolder:
    """One run's folder. Held by its lock."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.parts = PartFiles(path / PARTS)

    def earlier(self) -> RunNotes | None:
        """The notes of the run that was begun here; raises BatchError where they are no such."""
        path = self.path / MANIFEST
        try:
            return msgspec.json.decode(path.read_bytes(), type=RunNotes)
        except FileNotFoundError:
            return None
        except (OSError, msgspec.DecodeError) as error:
            raise BatchError(
                f"{path} cannot be read ({error}): take another folder for --out"
            ) from error

    def write(self, notes: RunNotes) -> None:
        """Replace the notes."""
        with replaced(self.path / MANIFEST) as draft:
            draft.write_bytes(msgspec.json.format(msgspec.json.encode(notes)) + b"\n")

    def begin(self, notes: RunNotes) -> RunNotes:
        """Begin a run, or go on with the earlier one; returns the notes that hold.

        Raises BatchError where another run was begun here.
        """
        earlier = self.earlier()
        if earlier is None:
            self._require_empty()
            self.write(notes)
        else:
            _require_same(earlier, notes, self.path)

        held = earlier or notes
        if held.state == "done" and self._has_outputs(held):
            self._finish()
        else:
            self.parts.folder.mkdir(mode=0o700, exist_ok=True)

        return held

    def succeed(self, notes: RunNotes) -> None:
        """Mark the run as done: the marker comes last."""
        self.write(notes)
        self._finish()

    def _finish(self) -> None:
        """What comes after the notes of a run that is done, and may be cut off at any moment."""
        shutil.rmtree(self.parts.folder, ignore_errors=True)
        if not self.is_done():
            with replaced(self.path / SUCCESS):
                pass

    def _has_outputs(self, notes: RunNotes) -> bool:
        return all((self.path / output).exists() for output in notes.outputs)

    def is_done(self) -> bool:
        """Whether the run that was begun here succeeded."""
        return (self.path / SUCCESS).exists()

    def _require_empty(self) -> None:
        """Raise BatchError for files that no run left which was killed before its notes."""
        own = {LOCK, draft_of(self.path / MANIFEST).name}
        if not any(self.parts.folder.glob("*")):
            own.add(PARTS)

        strange = [path.name for path in self.path.iterdir() if path.name not in own]
        if strange:
            raise BatchError(
                f"{self.path} holds {strange[0]}, which no run wrote: take an empty folder for "
                f"--out"
            )


def _require_same(earlier: RunNotes, notes: RunNotes, folder: Path) -> None:
    began, now = earlier.fingerprint(), notes.fingerprint()
    for what, value in began.items():
        if now[what] != value:
            raise BatchError(
                f"{folder} holds a run with another {what} ({_short(value)}, now "
                f"{_short(now[what])}): take another folder for --out, or remove this one"
            )

    inputs = {file.path: file for file in earlier.inputs}
    for file in notes.inputs:
        if inputs.pop(file.path, None) != file:
            raise BatchError(
                f"{file.path} was added or changed since the run in {folder} began: take another "
                f"folder for --out, or remove this one"
            )

    for path in inputs:
        raise BatchError(f"{path} is gone since the run in {folder} began: put it back")


def _short(value: Any) -> str:
    text = str(value)
    if len(text) > 24:
        return f"{text[:12]}…"
    return text


@contextmanager
def opened(path: Path) -> Iterator[RunFolder]:
    """The folder, for this run alone; raises BatchError while another run has it."""
    try:
        path.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path / LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise BatchError(f"{path} cannot be written to: {error.strerror}") from error

    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise BatchError(
                f"another run writes into {path}: wait for its end, or take another folder"
            ) from error

        yield RunFolder(path)
    finally:
        os.close(descriptor)
