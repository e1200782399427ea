"""The output folder of a run: one run at a time, and its notes, by which it goes on."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

from batch.errors import BatchError
from batch.inputs.input_files import InputFile
from batch.outputs.parts import PartFiles
from batch.outputs.stored_folder import StoredFolder, folder_at

MANIFEST, SUCCESS, PARTS, BAD_ROWS = "_sluice.json", "_SUCCESS", "_parts", "_bad_rows.jsonl"
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

    def __init__(self, files: StoredFolder) -> None:
        self.files = files
        self.parts = PartFiles(files.within(PARTS))

    @property
    def address(self) -> str:
        """Where it is."""
        return self.files.address

    def earlier(self) -> RunNotes | None:
        """The notes of the run that was begun here; raises BatchError where they are no such."""
        try:
            return msgspec.json.decode(self.files.read(MANIFEST), type=RunNotes)
        except FileNotFoundError:
            return None
        except (OSError, msgspec.DecodeError) as error:
            raise BatchError(
                f"{self.address}/{MANIFEST} cannot be read ({error}): take another folder for --out"
            ) from error

    def write(self, notes: RunNotes) -> None:
        """Replace the notes."""
        with self.files.draft(MANIFEST) as draft:
            draft.write_bytes(_lines(notes))

    def begin(self, notes: RunNotes) -> RunNotes:
        """Begin a run, or go on with the earlier one; returns the notes that hold.

        Raises BatchError where another run was begun here.
        """
        held = self.earlier() or self._begun(notes)
        _require_same(held, notes, self.address)
        if held.state == "done" and self._has_outputs(held):
            self._finish()
        else:
            self.parts.folder.make()

        return held

    def succeed(self, notes: RunNotes) -> None:
        """Mark the run as done: the marker comes last."""
        self.write(notes)
        self._finish()

    def _finish(self) -> None:
        """What comes after the notes of a run that is done, and may be cut off at any moment."""
        self.parts.folder.delete()
        if not self.is_done():
            with self.files.draft(SUCCESS):
                pass

    def _has_outputs(self, notes: RunNotes) -> bool:
        return all(map(self.files.exists, notes.outputs))

    def is_done(self) -> bool:
        """Whether the run that was begun here succeeded."""
        return self.files.exists(SUCCESS)

    def _begun(self, notes: RunNotes) -> RunNotes:
        """The notes of the run that begins, or of another one that began at the same moment."""
        self._require_empty()
        try:
            self.files.write_new(MANIFEST, _lines(notes))
        except FileExistsError:
            return self.earlier() or notes

        return notes

    def _require_empty(self) -> None:
        """Raise BatchError for files that no run left which was killed before its notes."""
        names = self.files.names()
        if not self.parts.folder.names():
            names.discard(PARTS)

        strange = sorted(names)
        if strange:
            raise BatchError(
                f"{self.address} holds {strange[0]}, which no run wrote: take an empty folder for "
                f"--out"
            )


def _lines(notes: RunNotes) -> bytes:
    return msgspec.json.format(msgspec.json.encode(notes)) + b"\n"


def _require_same(earlier: RunNotes, notes: RunNotes, folder: str) -> None:
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
def opened(address: str | Path) -> Iterator[RunFolder]:
    """The folder, for this run alone; raises BatchError while another run has it."""
    files = folder_at(address)
    with files.locked():
        yield RunFolder(files)
