"""What a request's headers say of it."""

import pytest

from router.requests.request_headers import read_headers

UNIT = b"x-unit-id"


@pytest.mark.parametrize("name", [UNIT, b"x-model-version", b"x-timeout-ms"])
@pytest.mark.parametrize("values", [(b"2", b"3"), (b"", b"3"), (b"3", b""), (b"", b"")])
def test_a_header_that_steers_is_given_once_whatever_its_values(
    name: bytes, values: tuple[bytes, bytes]
) -> None:
    between = (b"cookie", b"a=b")
    fault = read_headers([(name, values[0]), between, (name, values[1])], UNIT).fault
    assert fault is not None
    assert fault.detail == f"the header {name.decode()} is given twice: send it once"


def test_each_is_read_and_an_empty_one_names_nothing() -> None:
    asked = read_headers(
        [
            (UNIT, b"u"),
            (b"x-model-version", b"v2"),
            (b"x-timeout-ms", b"250"),
            (b"x-request-id", b"id"),
            (b"cookie", b"a=b"),
            (b"cookie", b"c=d"),
        ],
        UNIT,
    )
    assert (asked.unit, asked.pin, asked.timeout_s, asked.fault) == (b"u", "v2", 0.25, None)
    assert (asked.request_id, asked.cookie) == (b"id", b"a=b;c=d")
    nothing = read_headers([(UNIT, b""), (b"x-model-version", b"")], UNIT)
    assert (nothing.unit, nothing.pin, nothing.fault) == (b"", None, None)
