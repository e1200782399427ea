"""The API's door: what it lets in, how it refuses, how it counts."""

import json

import httpx
import pytest

from tests.emulator.emulator_harness import ACCEPT, TOKEN


def test_every_exchange_is_held_against_the_schema(heroku, needs_schema):
    before = heroku.account()["exchanges"]["validated"]
    heroku.sample_app()
    assert heroku.account()["exchanges"]["validated"] > before
    assert heroku.account()["failures"] == []


@pytest.mark.parametrize("resource", ["build", "pipeline", "pipeline-coupling"])
def test_what_the_schema_does_not_hold_strictly_has_all_its_keys_too(
    heroku, needs_schema, resource
):
    app = heroku.new()
    pipeline = heroku.call("POST", "/pipelines", json={"name": f"line-of-{resource}"})
    body = {"app": app["id"], "pipeline": pipeline["id"], "stage": "staging"}
    coupling = heroku.call("POST", "/pipeline-couplings", json=body)
    build = heroku.start_build(app, {"app.py": ""})
    properties = json.loads(needs_schema.read_bytes())["definitions"][resource]["properties"]
    assert set(
        {"build": build, "pipeline": pipeline, "pipeline-coupling": coupling}[resource]
    ) == set(properties)


@pytest.mark.parametrize(
    ("method", "path", "status", "id"),
    [
        ("GET", "/teams", 200, None),
        ("GET", "/apps/APP/webhooks", 200, None),
        ("GET", "/spaces/none", 404, "not_found"),
        ("POST", "/teams", 403, "forbidden"),
        ("POST", "/apps/APP/domains", 403, "forbidden"),
        ("DELETE", "/apps/APP/webhooks/none", 403, "forbidden"),
    ],
)
def test_what_the_emulator_has_not_answers_as_a_feature_that_is_off(
    heroku, needs_schema, method, path, status, id
):
    answer = heroku.api.request(
        method, path.replace("APP", heroku.new()["id"]), json={} if method == "POST" else None
    )
    assert answer.status_code == status
    assert answer.json() == [] if id is None else answer.json()["id"] == id
    assert heroku.account()["exchanges"]["not_emulated"] >= 1


def test_an_invented_endpoint_is_404_and_counted(heroku):
    before = heroku.account()["exchanges"]["unknown"]
    answer = heroku.api.post("/apps/x/deploy")
    assert (answer.status_code, answer.json()["id"]) == (404, "not_found")
    assert heroku.account()["exchanges"]["unknown"] == before + 1


@pytest.mark.parametrize(
    "given", [{}, {"Authorization": "Bearer HRKU-wrong"}, {"Authorization": "Basic !"}]
)
def test_a_missing_or_wrong_token_is_401(heroku, given):
    answer = heroku.public.get("/apps", headers={"Accept": ACCEPT, **given})
    assert (answer.status_code, answer.json()["id"]) == (401, "unauthorized")


def test_the_older_basic_form_of_a_token_is_accepted(heroku):
    assert (
        heroku.public.get("/account", headers={"Accept": ACCEPT}, auth=("", TOKEN)).status_code
        == 200
    )


def test_another_version_is_406(heroku):
    answer = heroku.api.get("/apps", headers={"Accept": "application/json"})
    assert (answer.status_code, answer.json()["id"]) == (406, "not_acceptable")


def test_another_users_app_is_403_and_a_missing_one_404(heroku):
    token = heroku.control("accounts", email="other@example.com")["token"]
    app = heroku.new()
    forbidden = heroku.api.get(f"/apps/{app['name']}", headers={"Authorization": f"Bearer {token}"})
    assert (forbidden.status_code, forbidden.json()["id"]) == (403, "forbidden")
    missing = heroku.api.get("/apps/there-is-none")
    assert (missing.status_code, missing.json()["resource"]) == (404, "app")


def test_every_reply_has_a_request_id(heroku):
    answers = [
        heroku.api.get("/account"),
        heroku.api.get("/nothing"),
        heroku.public.get("/account"),
    ]
    assert len({answer.headers["request-id"] for answer in answers}) == 3


@pytest.mark.parametrize("name", ["A", "-ab", "ab-", "a" * 31, "ab_c"])
def test_a_bad_name_is_422(heroku, name):
    assert heroku.call("POST", "/apps", 422, json={"name": name})["id"] == "invalid_params"


def test_a_taken_name_is_422(heroku):
    app = heroku.new()
    assert heroku.call("POST", "/apps", 422, json={"name": app["name"]})["id"] == "invalid_params"


def test_a_body_that_is_no_json_is_400(heroku):
    assert heroku.call("POST", "/apps", 400, content=b"{")["id"] == "bad_request"


def test_a_web_url_cannot_be_derived_from_the_name_and_changes_with_it(heroku):
    app = heroku.new()
    assert app["web_url"].startswith(f"https://{app['name']}-")
    renamed = heroku.call("PATCH", f"/apps/{app['id']}", json={"name": f"{app['name'][:20]}-x"})
    assert renamed["web_url"][-32:] != app["web_url"][-32:]


def test_lists_come_in_parts_and_backwards(heroku):
    app = heroku.new()
    for number in range(3):
        heroku.call("PATCH", f"/apps/{app['id']}/config-vars", json={"N": str(number)})

    next_range, seen = "version ..; max=2, order=desc", []
    while next_range:
        answer = heroku.api.get(f"/apps/{app['id']}/releases", headers={"Range": next_range})
        seen += [release["version"] for release in answer.json()]
        next_range = answer.headers.get("next-range", "")
        assert answer.status_code == (206 if next_range else 200)

    assert seen == [5, 4, 3, 2, 1]


def test_a_range_that_cannot_be_read_is_416(heroku):
    app = heroku.new()
    answer = heroku.api.get(f"/apps/{app['id']}/releases", headers={"Range": "colour ..; max=2"})
    assert (answer.status_code, answer.json()["id"]) == (416, "requested_range_not_satisfiable")


def test_what_did_not_change_is_304(heroku):
    app = heroku.new()
    tag = heroku.api.get(f"/apps/{app['id']}").headers["etag"]
    assert heroku.api.get(f"/apps/{app['id']}", headers={"If-None-Match": tag}).status_code == 304


def test_an_empty_bucket_is_429_and_asking_for_the_rest_is_free(heroku):
    token = heroku.control("accounts", email="busy@example.com")["token"]
    headers = {"Authorization": f"Bearer {token}"}
    heroku.control("rate", most=2, per_minute=0.0)
    try:
        left = [heroku.api.get("/account", headers=headers) for _ in range(3)]
        free = heroku.api.get("/account/rate-limits", headers=headers)
    finally:
        heroku.control("rate", most=4500, per_minute=75)

    assert [answer.status_code for answer in left] == [200, 200, 429]
    assert left[0].headers["ratelimit-remaining"] == "1"
    assert (left[2].json()["id"], free.json()) == ("rate_limit", {"remaining": 0})


def test_html_comes_instead_of_json(heroku):
    heroku.control("faults", kind="html_503", path="/account")
    answer = heroku.api.get("/account")
    assert (answer.status_code, answer.headers["content-type"]) == (503, "text/html")


@pytest.mark.parametrize(("kind", "made"), [("reset_before", False), ("reset_after", True)])
def test_a_reset_leaves_it_open_whether_the_platform_acted(heroku, kind, made):
    name = f"fault-{kind.replace('_', '-')}"
    heroku.control("faults", kind=kind, method="POST", path="/apps")
    with pytest.raises(httpx.TransportError):
        heroku.api.post("/apps", json={"name": name})
    assert (heroku.api.get(f"/apps/{name}").status_code == 200) == made


def test_an_answer_may_come_late_or_twice(heroku):
    app = heroku.new()
    heroku.control("faults", kind="slow", path="/account", seconds=0.3)
    assert heroku.api.get("/account").elapsed.total_seconds() >= 0.3
    heroku.control("faults", kind="duplicate", method="PATCH", path="/apps/*/config-vars")
    assert heroku.api.patch(f"/apps/{app['id']}/config-vars", json={"A": "1"}).status_code == 202
    assert len(heroku.releases(app)) == 4


def test_an_account_has_at_most_100_apps(heroku):
    token = heroku.control("accounts", email="rich@example.com")["token"]
    headers = {"Authorization": f"Bearer {token}"}
    assert {heroku.api.post("/apps", headers=headers).status_code for _ in range(100)} == {201}
    assert heroku.api.post("/apps", headers=headers).status_code == 422
