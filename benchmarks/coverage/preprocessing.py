"""What stands before the estimators of the panel, as people write it."""

from collections.abc import Sequence
from typing import Any

import pandas as pd
from pandas.api.types import is_bool_dtype, is_numeric_dtype
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, OneHotEncoder, StandardScaler


def prepared(frame: pd.DataFrame, numbers: Any = None, categories: Any = None) -> ColumnTransformer:
    """A transformer for numbers and one for texts; booleans pass.

    By default gaps are filled, numbers scaled and texts encoded, those never seen as zeros.
    """
    numbers = numbers if numbers is not None else filled_and_scaled()
    categories = categories if categories is not None else filled_and_encoded()
    numeric, flags, texts = kinds(frame)
    steps = [
        ("numbers", numbers, numeric),
        ("flags", "passthrough", flags),
        ("categories", categories, texts),
    ]
    return ColumnTransformer([step for step in steps if step[2]])


def filled_and_scaled() -> Any:
    """Gaps become the median, then all numbers are scaled."""
    return make_pipeline(SimpleImputer(strategy="median"), StandardScaler())


def filled_and_bounded() -> Any:
    """The same from 0 to 1, for estimators that take no negative number."""
    return make_pipeline(SimpleImputer(strategy="median"), MinMaxScaler(clip=True))


def filled_and_encoded() -> Any:
    """Gaps become the most frequent text, then a column is made of each text."""
    return make_pipeline(
        SimpleImputer(strategy="most_frequent"), OneHotEncoder(handle_unknown="ignore")
    )


def kinds(frame: pd.DataFrame) -> tuple[list[str], list[str], list[str]]:
    """The names of the numeric columns, of the booleans, and of the texts."""
    flags = _names(frame, [is_bool_dtype(dtype) for dtype in frame.dtypes])
    numeric = [name for name in frame if is_numeric_dtype(frame[name]) and name not in flags]
    texts = [name for name in frame if name not in flags and name not in numeric]
    return numeric, flags, texts


def _names(frame: pd.DataFrame, chosen: Sequence[bool]) -> list[str]:
    return [str(name) for name in frame.columns[list(chosen)]]
