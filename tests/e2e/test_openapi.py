"""The API's description is held against a running router and service by schemathesis, with all of
its checks.
"""

import shutil
from copy import deepcopy

import httpx
import pytest
import schemathesis
from schemathesis.config import SchemathesisConfig

from rollout.log_drain import USER, drain_secret
from router.endpoints.openapi import description
from service.columns.plain import FLOAT_LIMIT
from tests.e2e.stack_harness import ROOT, StackHarness

MODEL = "flights"
OPERATOR, TOKEN_KEY = "an-operator-token-of-these-tests", "a-token-key-of-these-tests"
EXAMPLES = 40
COLUMNS = {
    "amount": ("FP64", {"type": "number", "minimum": -FLOAT_LIMIT, "maximum": FLOAT_LIMIT}),
    "age": ("INT64", {"type": "integer", "minimum": -(2**63), "maximum": 2**63 - 1}),
    "city": ("BYTES", {"type": "string"}),
}
# A request may be too large as well, or ask for an answer within a millisecond.
REFUSED = ["400", "401", "403", "404", "405", "413", "415", "422", "504"]
# What only a version can say of a request that has the described form: an unknown column, output or
# class.
OF_THE_VERSION = ["400", "413", "422"]


def config(positive=()):
    """Every check, a fixed seed, a bounded number of examples. positive: further statuses of valid
    requests.
    """
    statuses = ["2xx", "401", "403", "404", "5xx", *positive]
    secret = drain_secret("v1", TOKEN_KEY.encode())
    return SchemathesisConfig.from_dict(
        {
            "seed": 1,
            "generation": {
                "max-examples": EXAMPLES,
                "deterministic": True,
                "database": "none",
                "no-shrink": True,
                # HTTP has no closed set of headers or query parameters.
                "allow-extra-parameters": False,
            },
            "checks": {
                "enabled": True,
                # Whoever asks for an answer within a millisecond gets none.
                "not_a_server_error": {"expected-statuses": ["2xx", "4xx", "504"]},
                "positive_data_acceptance": {"expected-statuses": statuses},
                "negative_data_rejection": {"expected-statuses": REFUSED},
            },
            "operations": [
                {
                    # No generated token is a right one.
                    "include-path": "/session",
                    "checks": {
                        "positive_data_acceptance": {"expected-statuses": [*statuses, "429"]}
                    },
                },
                {
                    # There is no rollout here to act on.
                    "include-path": "/acts/{act}",
                    "checks": {
                        "positive_data_acceptance": {
                            "expected-statuses": [*statuses, "400", "409"]
                        },
                        "negative_data_rejection": {"expected-statuses": [*REFUSED, "409"]},
                    },
                },
            ],
            "auth": {
                "openapi": {
                    "operator": {"bearer": OPERATOR},
                    "drain": {"username": USER, "password": secret},
                },
            },
        }
    )


def with_columns():
    """The description with the columns of v1 and v2 put in, so that a described request is one they
    can answer.
    """
    schema = deepcopy(description(MODEL))
    rows = {name: kind for name, (_, kind) in COLUMNS.items()}
    schema["components"]["schemas"]["Row"] = {
        "type": "object",
        "properties": rows,
        "required": list(rows),
        "additionalProperties": False,
    }
    tensors = [_tensor(name, datatype, kind) for name, (datatype, kind) in COLUMNS.items()]
    request = schema["components"]["schemas"]["InferRequest"]["properties"]
    request["inputs"] = {
        "type": "array",
        "prefixItems": tensors,
        "items": False,
        "minItems": 3,
        "maxItems": 3,
    }
    request["outputs"] = {"type": "null"}
    records = {"type": "array", "items": {"$ref": "#/components/schemas/Row"}, "minItems": 1}
    schema["components"]["schemas"]["Invocation"] = {
        "type": "object",
        "properties": {"dataframe_records": records},
        "required": ["dataframe_records"],
        "additionalProperties": False,
    }
    log = schema["paths"]["/drains/{version}"]["post"]["requestBody"]["content"][
        "application/logplex-1"
    ]
    log["schema"] = {"const": "6 a line"}
    for calls in schema["paths"].values():
        for call in calls.values():
            for parameter in call.get("parameters", ()):
                if parameter["name"] == "version":
                    parameter["schema"] = {"enum": ["v1", "v2"]}

    return schema


def _tensor(name, datatype, kind):
    return {
        "type": "object",
        "properties": {
            "name": {"const": name},
            "datatype": {"const": datatype},
            "shape": {"const": [1]},
            "data": {"type": "array", "items": kind, "minItems": 1, "maxItems": 1},
        },
        "required": ["name", "datatype", "shape", "data"],
    }


@pytest.fixture(scope="module")
def url(delivered, tmp_path_factory):
    """A router that asks for its tokens, with v1 released and v2 deployed."""
    folder = tmp_path_factory.mktemp("described")
    for part in ("releases", "keys"):
        shutil.copytree(delivered / part, folder / part)

    secrets = folder / "var" / "secrets"
    secrets.mkdir(parents=True)
    (secrets / "operator").write_text(OPERATOR)
    (secrets / "token").write_text(TOKEN_KEY)
    settings = (
        (ROOT / "deploy.toml")
        .read_text()
        .replace("open_on_loopback = true", "open_on_loopback = false")
    )
    (folder / "deploy.toml").write_text(settings)
    stack = StackHarness(folder, {"SLUICE_CONFIG": str(folder / "deploy.toml")})
    try:
        yield stack.up("v1", "v2")
    finally:
        stack.run("down", check=False)


schemathesis.serializer.alias("application/logplex-1", "text/plain")
as_published = schemathesis.openapi.from_dict(description(MODEL), config=config(OF_THE_VERSION))
for_these_versions = schemathesis.openapi.from_dict(with_columns(), config=config())


def test_the_description_is_served_to_whoever_may_look(url):
    answer = httpx.get(f"{url}/openapi.json", headers={"Authorization": f"Bearer {OPERATOR}"})
    assert answer.json() == description(MODEL)


@as_published.parametrize()
def test_the_router_does_what_its_description_says(case, url):
    case.call_and_validate(base_url=url)


@for_these_versions.parametrize()
def test_what_is_described_is_answered_where_the_columns_fit(case, url):
    case.call_and_validate(base_url=url)
