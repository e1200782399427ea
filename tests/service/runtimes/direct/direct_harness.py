"""A pipeline beside its direct form, on the rows of a frame as a service reads them."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from delivery.inputs.signature import columns_of, rows_of
from service.frames import FrameBuilder
from service.rows import RowReader
from service.runtimes.direct.form import DirectForm

CITIES = ("Oslo", "Bergen", "Tromsø")


def table(rows: int = 200, seed: int = 0, gaps: bool = True) -> pd.DataFrame:
    """Floats, floats of 32 bits, integers and texts; with gaps in floats and texts."""
    chance = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "height": chance.normal(170, 10, rows).round(1),
            "weight": chance.normal(70, 10, rows).astype(np.float32),
            "age": chance.integers(18, 90, rows),
            "city": chance.choice(CITIES, rows),
            "plan": pd.Series(chance.choice(["a", "b", "c", "d"], rows), dtype=object),
        }
    )
    if gaps:
        for name in ("height", "city", "plan"):
            frame.loc[chance.random(rows) < 0.1, name] = np.nan

    return frame


def labels(frame: pd.DataFrame, classes: int = 2) -> np.ndarray:
    """Classes that have to do with the frame."""
    score = frame["age"] + frame["weight"] + frame["city"].eq("Oslo") * 20
    return pd.qcut(score, classes, labels=False, duplicates="drop").to_numpy()


@dataclass
class Both:
    """A fitted pipeline and its direct form, for the columns of a frame."""

    pipeline: Any
    frame: pd.DataFrame
    output: str = "predict"

    def __post_init__(self) -> None:
        """Raises NoDirectForm."""
        self.columns = columns_of(self.frame, None)
        self.form = DirectForm(self.pipeline, self.output, self.columns, "frame")

    def read(self, rows: pd.DataFrame) -> dict[str, np.ndarray]:
        """The rows as a service reads them."""
        return RowReader(self.columns).row_columns(rows_of(rows))

    def own(self, rows: pd.DataFrame) -> Any:
        """What the pipeline itself answers."""
        return getattr(self.pipeline, self.output)(
            FrameBuilder(self.columns).build(self.read(rows))
        )

    def direct(self, rows: pd.DataFrame) -> Any:
        """What the direct form answers."""
        return self.form.answer(self.read(rows))

    def require_equal(self, rows: pd.DataFrame) -> None:
        """All rows at once and the first ones alone get the same; floats may differ by the order of
        additions, which is the processor's affair.
        """
        for chosen in (rows, rows.iloc[:1], rows.iloc[1:2], rows.iloc[2:3]):
            own, direct = self.own(chosen), self.direct(chosen)
            assert own.dtype == direct.dtype
            if own.dtype.kind == "f":
                np.testing.assert_allclose(direct, own, rtol=1e-13, atol=1e-13)
            else:
                assert np.array_equal(own, direct)
