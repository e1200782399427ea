"""What a stranger gets of a router that listens on a public address, on every route there is."""

import json
import re

import httpx
import pytest

from rollout.settings import RouterSettings
from router.access.rules import Access
from router.access.token_list import TokenList
from router.app import ROUTES
from router.endpoints.openapi import description
from router.endpoints.pages import create_pages
from tests.router.access.named_tokens import ANA, BOB, keep_tokens
from tests.router.router_harness import OPERATOR, router_harness, tensor

NOBODY = TokenList("")
FLASK = create_pages(None, None, Access(RouterSettings(), "0.0.0.0", NOBODY, b"k"))
EXAMPLES = {"model": "toy", "version": "v1", "token": "x", "filename": "x", "id": "x"}
# Predictions, labels, health and the protocol; the sign-in; and the log drain, which has a secret
# of its own.
PUBLIC = {
    *("/predict", "/invocations", "/feedback", "/session", "/drains/v1"),
    *("/ping", "/health", "/version", "/v2", "/v2/health/live", "/v2/health/ready"),
    "/v2/repository/index",
    *(
        f"/v2/models/toy{version}{rest}"
        for version in ("", "/versions/v1")
        for rest in ("", "/ready", "/config", "/infer")
    ),
}
ACTING = {f"/acts/{act}" for act in ("promote", "step", "pause", "resume", "abort", "rollback")}


def paths():
    """One path of every route of Flask, of every plain endpoint, and of every described call."""
    every = {
        re.sub(r"<(?:\w+:)?(\w+)>", _example, rule.rule) for rule in FLASK.url_map.iter_rules()
    }
    every |= {route.example for route in ROUTES}
    every |= {re.sub(r"\{(\w+)\}", _example, path) for path in description("toy")["paths"]}
    return sorted(every - {"/acts/{act}"} | ACTING)


def _example(match):
    return EXAMPLES.get(match[1], match[0])


@pytest.fixture(scope="module")
def public(tmp_path_factory):
    """A router on all addresses: v1 released, another a shadow; named tokens."""
    folder = tmp_path_factory.mktemp("public")
    with router_harness(folder, settings='[router]\nhost = "0.0.0.0"\n') as made:
        keep_tokens(folder)
        made.know(made.version("v1"), made.version("hidden"))
        made.split({"v1": 10000}, {"hidden": 10000})
        made.router()
        yield made


def ask(harness, path, headers):
    """The answers of a path to each method that one may try."""
    return [
        httpx.request(method, f"{harness.url}{path}", headers=headers, timeout=120)
        for method in ("GET", "HEAD", "POST", "DELETE")
    ]


def test_the_walk_has_all_routes_there_are():
    assert {"/", "/status", "/metrics", "/docs", "/openapi.json", "/whoserved/x"} <= set(paths())
    assert set(paths()) >= PUBLIC | ACTING


@pytest.mark.parametrize("path", paths())
def test_a_stranger_gets_predictions_labels_health_and_the_protocol_and_nothing_else(public, path):
    answers = ask(public, path, {})
    assert all("hidden" not in answer.text for answer in answers)
    if path in PUBLIC:
        assert {answer.status_code for answer in answers} & {200, 204, 400, 415} or path in (
            "/drains/v1",
            "/v2/models/toy/versions/v1",
            *(f"/v2/models/toy/versions/v1/{rest}" for rest in ("ready", "config", "infer")),
        )
    else:
        # A method that a route does not have says nothing of it.
        assert {answer.status_code for answer in answers} <= {401, 405}
        assert 401 in {answer.status_code for answer in answers}


def test_what_is_public_works_without_a_token(public):
    assert public.predict({"x": 1}).json()["predictions"] == [1]
    inputs = {"inputs": [tensor(7)]}
    assert httpx.post(f"{public.url}/v2/models/toy/infer", json=inputs).status_code == 200
    ready = httpx.get(f"{public.url}/v2/health/ready").json()
    assert ready == {"ready": True}
    label = {"prediction_id": public.predict({"x": 1}).headers["x-prediction-id"], "label": 1}
    assert httpx.post(f"{public.url}/feedback", json=label).status_code == 200


@pytest.mark.parametrize("path", sorted(set(paths()) - PUBLIC - ACTING))
@pytest.mark.parametrize("headers", [ANA, BOB, OPERATOR], ids=["viewer", "operator", "own"])
def test_a_viewer_sees_all_of_it(public, path, headers):
    answer = httpx.get(f"{public.url}{path}", headers=headers)
    assert answer.status_code == (404 if path in ("/whoserved/x", "/static/x") else 200)


@pytest.mark.parametrize("path", sorted(ACTING))
def test_only_an_operator_acts(public, path):
    refused = httpx.post(f"{public.url}{path}", headers=ANA, json={"revision": 1})
    assert refused.status_code == 403
    assert "the token ana may look and not act" in refused.json()["detail"]
    assert httpx.post(f"{public.url}{path}", headers=BOB, json={"revision": 1}).status_code == 409


def test_the_sign_in_page_tells_nothing_of_the_model(public):
    answer = httpx.get(public.url)
    assert (answer.status_code, answer.headers["content-type"]) == (401, "text/html; charset=utf-8")
    assert 'action="session"' in answer.text
    assert "toy" not in answer.text
    assert "form-action 'self'" in answer.headers["content-security-policy"]


@pytest.mark.parametrize(
    ("site", "again"),
    [
        ("cross-site", True),
        ("same-site", True),
        ("same-origin", False),
        ("none", False),
        ("", False),
    ],
)
def test_who_comes_by_a_link_is_asked_once_more_before_signing_in(public, site, again):
    answer = httpx.get(f"{public.url}/?at=1", headers={"Sec-Fetch-Site": site})
    assert answer.status_code == 401
    assert ('http-equiv="refresh"' in answer.text) is again


def test_a_route_that_nobody_has_put_into_an_area_is_closed():
    app = create_pages(None, None, Access(RouterSettings(), "127.0.0.1", NOBODY, b"k"))
    app.add_url_rule("/new", "new", lambda: "of the new route")
    answer = app.test_client().get("/new", headers={"Host": "127.0.0.1"})
    assert answer.status_code == 401
    assert b"of the new route" not in answer.data


def test_users_rows_are_for_viewers(public):
    status = f"{public.url}/status"
    assert "worst" in httpx.get(status, headers=ANA).json()
    assert httpx.get(status).status_code == 401


def test_what_deploy_toml_opens_is_open_and_no_more(tmp_path):
    settings = '[router]\nhost = "0.0.0.0"\npublic = ["metrics", "docs", "status"]\n'
    with router_harness(tmp_path, settings=settings) as made:
        made.know(made.version("v1"))
        made.split({"v1": 10000})
        made.router()
        for path in ("/metrics", "/docs", "/openapi.json", "/status", "/v2/models/toy/stats"):
            assert httpx.get(f"{made.url}{path}").status_code == 200
        for path in ("/", "/whoserved/x"):
            assert httpx.get(f"{made.url}{path}").status_code == 401

        assert "worst" not in httpx.get(f"{made.url}/status").json()
        assert httpx.post(f"{made.url}/acts/rollback", content=json.dumps({})).status_code == 401
