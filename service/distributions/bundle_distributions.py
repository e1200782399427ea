"""distributions.json of a bundle: of the columns in training, of the answers on held-out rows."""

from itertools import chain
from typing import Any

import msgspec
import numpy as np

from service.bundle import Bundle, BundleError
from service.bundle_files import DISTRIBUTIONS
from service.distributions.bins import Distribution

FORMAT = 1


class BundleDistributions(msgspec.Struct, frozen=True, kw_only=True):
    """The file.

    columns: of those that are counted. columns_of: `training`, or `held-out` where the delivery had
    no training rows. predictions: by output, one for each value of a row's answer, None where it is
    not counted.
    """

    format: int = FORMAT
    columns: list[Distribution]
    columns_of: str
    predictions: dict[str, list[Distribution | None]]


def read_distributions(bundle: Bundle) -> BundleDistributions | None:
    """Those of a bundle; None of an older one, or of a form that this Sluice does not know.

    Raises BundleError where the file was changed or cannot be read.
    """
    if DISTRIBUTIONS not in bundle.manifest.files:
        return None

    raw = bundle.read(DISTRIBUTIONS)
    try:
        if msgspec.json.decode(raw)["format"] != FORMAT:
            return None

        return msgspec.json.decode(raw, type=BundleDistributions)
    except (msgspec.DecodeError, KeyError, TypeError) as error:
        raise BundleError(f"{bundle.path / DISTRIBUTIONS} cannot be read: {error}") from error


def by_position(answers: list[Any]) -> list[list[Any]]:
    """The values of many rows' answers in one output, one list for each position in an answer.

    None where the answers differ in length.
    """
    rows = list(map(_flat, answers))
    if len(set(map(len, rows))) != 1:
        return []

    return list(map(list, zip(*rows, strict=True)))


def counted_answers(values: list[object]) -> np.ndarray:
    """One value of the answers of many rows: floats with NaN for null, or texts with None."""
    kinds = set(map(type, values)) - {type(None)}
    if kinds <= {int, float}:
        # As a float, None is NaN.
        return np.array(values, dtype=np.float64)

    texts = np.empty(len(values), dtype=object)
    texts[:] = list(map(answer_text, values))
    return texts


def answer_text(value: object) -> str | None:
    """An answer that is no number, as it is counted."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return str(value).lower()

    return msgspec.json.encode(value).decode()


def _flat(answer: Any) -> list[Any]:
    if not isinstance(answer, list):
        return [answer]
    if answer and isinstance(answer[0], list):
        return list(chain.from_iterable(answer))

    return answer
