"""Bytes as base64 texts."""

import base64
import binascii
from collections.abc import Sequence
from typing import Any

import numpy as np

from service.columns.kind import BadValue, objects_of, shown


class EncodedBytes:
    """Bytes of any length; a row's own limit bounds them."""

    json_type = str
    to_send = 'bytes as base64 with padding, such as "aGVsbG8="'

    def array(self, values: Sequence[Any]) -> np.ndarray:
        """See ColumnKind."""
        return objects_of(values, self.parse)

    def parse(self, text: str) -> bytes:
        """The bytes; raises BadValue."""
        try:
            raw = base64.b64decode(text, validate=True)
        except (binascii.Error, ValueError):
            raise BadValue(f"{shown(text)} is not base64: send {self.to_send}") from None

        if base64.b64encode(raw).decode() != text:
            raise BadValue(f"{shown(text)} is not base64 as it is written: send {self.to_send}")

        return raw
