"""One user meets one version, whichever way in and however the user is told."""

import base64
import json
from collections import Counter

import pytest

from tests.trials.test_http import BODY, exchange, request

INFER = "/v2/models/cases/infer"
TENSORS = json.dumps(
    {"inputs": [{"name": name, "shape": [1], "datatype": "FP64", "data": [1.0]} for name in "abc"]}
).encode()
TOKENS = [
    "eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCJ9."
    + base64.urlsafe_b64encode(
        json.dumps(
            {
                "iss": "https://login.example.com/realms/production/customers",
                "aud": "a" * 60,
                "sub": f"user-{number}",
            }
        ).encode()
    ).decode()
    for number in range(60)
]


def met(stack, target, headers):
    """Who answered."""
    body = TENSORS if target == INFER else BODY
    answer = exchange(stack, request(target=target, body=body, headers=headers))
    assert answer.status == 200, answer
    return answer.headers["x-model-version"]


@pytest.mark.parametrize(
    "way", ["X-Unit-Id: {}\r\n", "Cookie: sid={}\r\n", "Cookie: theme=dark;sid={}; x=y\r\n"]
)
@pytest.mark.parametrize(
    "units", [[f"user-{number}" for number in range(60)], TOKENS], ids=["short", "long"]
)
def test_each_unit_meets_one_version_on_every_way_in_and_both_are_met(stack, way, units):
    result = {
        unit: [met(stack, target, way.format(unit)) for target in ("/predict", INFER)]
        for unit in units
    }
    assert all(one == two for one, two in result.values())
    few, many = sorted(Counter(one for one, _ in result.values()).values())
    assert few > 10, (few, many)


def test_a_quoted_cookie_is_the_same_unit(stack):
    for number in range(20):
        plain = met(stack, "/predict", f"Cookie: sid=user{number}\r\n")
        assert met(stack, "/predict", f'Cookie: sid="user{number}"\r\n') == plain


def test_the_header_comes_before_the_cookie(stack):
    for number in range(20):
        both = f"X-Unit-Id: head-{number}\r\nCookie: sid=cookie-{number}\r\n"
        assert met(stack, "/predict", both) == met(
            stack, "/predict", f"X-Unit-Id: head-{number}\r\n"
        )


def test_who_comes_without_a_unit_gets_one_that_lasts_on_both_routes(stack):
    for target in ("/predict", INFER):
        first = exchange(stack, request(target=target, body=TENSORS if target == INFER else BODY))
        cookie = first.headers["set-cookie"].split(";")[0]
        again = {
            met(stack, way, f"Cookie: {cookie}\r\n")
            for way in ("/predict", INFER)
            for _ in range(3)
        }
        assert again == {first.headers["x-model-version"]}


def test_one_request_id_repeated_does_not_choose_a_version(stack):
    # Where no unit is told, the router's own coin draws: 40 draws of one half all alike are a
    # chance of 2e-12.
    versions = {
        exchange(stack, request(headers="X-Request-Id: steer\r\n")).headers["x-model-version"]
        for _ in range(40)
    }
    assert versions == {"f1", "f2"}
