"""Periods as pandas writes them: 2021-05, 2021Q2, 2021-05-03/2021-05-09."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from service.columns.kind import BadValue, objects_of, shown


class Periods:
    """Periods of one frequency, held as pandas.Period. pandas is imported where there are any."""

    json_type = str

    def __init__(self, frequency: str) -> None:
        import pandas

        self._period, self._null, self.frequency = pandas.Period, pandas.NaT, frequency
        example = pandas.Period("2021-05-03", freq=frequency)
        self.to_send = f'a period as pandas writes it, such as "{example}"'

    def array(self, values: Sequence[Any]) -> np.ndarray:
        """See ColumnKind."""
        return objects_of(values, self.parse)

    def parse(self, text: str) -> Any:
        """The period; raises BadValue, also for a text that pandas only guesses at."""
        try:
            period = self._period(text, freq=self.frequency)
        except (ValueError, OverflowError, TypeError):
            raise BadValue(f"{shown(text)} is no period: send {self.to_send}") from None

        # pandas takes "NaT" for null.
        if str(period) != text or period is self._null:
            raise BadValue(f"{shown(text)} is no period of this column: send {self.to_send}")

        return period
