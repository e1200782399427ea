"""The folder of a run that is done, read again: of this machine's disk, or at an address."""

from collections.abc import Iterator

import msgspec

from batch.errors import BatchError
from batch.outputs.run_folder import BAD_ROWS, MANIFEST, SUCCESS, RunNotes
from batch.outputs.stored_folder import folder_at
from batch.storage.remote_file import open_stream


class FinishedFolder:
    """A run's outputs and notes. Raises BatchError where it is not done."""

    def __init__(self, address: str) -> None:
        self.files = folder_at(address)
        self.address = self.files.address
        if not self.files.exists(SUCCESS):
            raise BatchError(f"{self.address} holds no finished run: run the same command again")

        try:
            self.notes = msgspec.json.decode(self.files.read(MANIFEST), type=RunNotes)
        except (OSError, msgspec.DecodeError) as error:
            raise BatchError(
                f"{self.address}/{MANIFEST} cannot be read ({error}): predict into another folder"
            ) from error

    def output(self, file_number: int) -> str:
        """The path or address of an input's predictions."""
        return f"{self.address}/{self.notes.outputs[file_number]}"

    def bad_rows(self) -> Iterator[bytes]:
        """The lines of the report of bad rows; raises OSError."""
        with open_stream(f"{self.address}/{BAD_ROWS}") as lines:
            yield from lines
