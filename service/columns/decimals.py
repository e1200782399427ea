"""Decimal numbers without loss: a text such as "12.50", or a number of JSON, read by its digits."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import numpy as np

from service.columns.kind import BadValue, objects_of, shown

MOST_DIGITS = 76
"""Before the point, and behind it: what pyarrow's widest decimal holds."""


class Decimals:
    """Decimals of at most `digits` digits, `scale` of them behind the point.

    Without them of at most MOST_DIGITS on each side, as Python's objects hold any.
    """

    json_type = Decimal
    to_send = 'a decimal number as text or number, such as "12.50"'

    def __init__(self, digits: int | None = None, scale: int | None = None) -> None:
        self.whole, self.scale = MOST_DIGITS, MOST_DIGITS
        if digits is not None and scale is not None:
            self.whole, self.scale = digits - scale, scale

    def array(self, values: Sequence[Any]) -> np.ndarray:
        """See ColumnKind."""
        return objects_of(values, self.checked)

    def checked(self, value: Decimal) -> Decimal:
        """The number itself; raises BadValue where the column does not hold it exactly."""
        if not value.is_finite():
            raise BadValue(f"{shown(str(value))} is no number: send {self.to_send}")

        if _digits(value) > self.whole or _places(value) > self.scale:
            raise BadValue(
                f"{shown(str(value))} does not fit: the column holds {self.whole} digits before "
                f"the point and {self.scale} behind it"
            )

        return value


def _digits(value: Decimal) -> int:
    """How many digits before the point the number has when it is written out."""
    if value:
        return value.adjusted() + 1

    # Of a zero such as 0E+999 the zeros would be written too.
    return max(0, _exponent(value))


def _places(value: Decimal) -> int:
    """How many digits behind the point the number needs."""
    exponent = _exponent(value)
    if exponent >= 0:
        return 0

    if not value:
        return max(0, -exponent - MOST_DIGITS)

    written = "".join(map(str, value.as_tuple().digits))
    return -exponent - (len(written) - len(written.rstrip("0")))


def _exponent(value: Decimal) -> int:
    exponent = value.as_tuple().exponent
    assert isinstance(exponent, int)
    return exponent
