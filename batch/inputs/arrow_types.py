"""Which of Arrow's types hold the same kind of value."""

import pyarrow as pa
import pyarrow.types as kinds


def is_number(given: pa.DataType) -> bool:
    """Whether it is whole numbers or floats of any width."""
    return bool(kinds.is_integer(given) or kinds.is_floating(given))


def is_list(given: pa.DataType) -> bool:
    """Whether it is a list of any of Arrow's kinds."""
    return bool(
        kinds.is_list(given) or kinds.is_large_list(given) or kinds.is_fixed_size_list(given)
    )


def is_bytes(given: pa.DataType) -> bool:
    """Whether it is bytes of any of Arrow's kinds."""
    return bool(
        kinds.is_binary(given) or kinds.is_large_binary(given) or kinds.is_fixed_size_binary(given)
    )
