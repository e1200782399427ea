"""What a delivered bundle answers, loaded and asked as the service does it."""

from pathlib import Path
from typing import Any

import msgspec

from benchmarks.coverage.answers.adversarial_rows import Row
from service.bundle import Manifest, verify_bundle
from service.predict import Predictor
from service.runtimes.load_model import load_model

BATCH = 100
UNFIT = 422
NOT_TAKEN = object()
"""Stands for the answer to a row that the signature does not take."""


class ServedAnswers:
    """A bundle on its certified runtime."""

    def __init__(self, bundle: Path, public_key: Path) -> None:
        verified = verify_bundle(bundle, public_key)
        self.manifest: Manifest = verified.manifest
        self._predictor = Predictor(self.manifest, load_model(verified))

    def answers(self, rows: list[Row]) -> list[Any]:
        """A plain value or list for each row, None where it fails, NOT_TAKEN where it is refused.

        Rows travel as JSON.
        """
        answers: list[Any] = []
        for start in range(0, len(rows), BATCH):
            answers += self._of_some(rows[start : start + BATCH])

        return answers

    def _of_some(self, rows: list[Row]) -> list[Any]:
        outcome = self._predictor.predict(msgspec.json.encode({"instances": rows}))
        answers = msgspec.json.decode(msgspec.json.encode(outcome.predictions))
        for error in outcome.errors:
            if error.status == UNFIT:
                answers[error.row] = NOT_TAKEN
            elif len(rows) > 1 and not error.attributed:
                (answers[error.row],) = self._of_some([rows[error.row]])

        return list(answers)
