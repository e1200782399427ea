"""Add-ons, pipelines, log sessions, and what the platform says of itself."""

import psycopg
import pytest

from emulator.addons.databases import Databases
from tests.until import until


def coupled(heroku, *stages):
    """A pipeline with an app a stage."""
    name = f"line-{len(heroku.call('GET', '/pipelines'))}"
    pipeline = heroku.call("POST", "/pipelines", 201, json={"name": name})
    apps = [heroku.sample_app() if number == 0 else heroku.new() for number, _ in enumerate(stages)]
    for app, stage in zip(apps, stages, strict=True):
        body = {"app": app["id"], "pipeline": pipeline["id"], "stage": stage}
        heroku.call("POST", "/pipeline-couplings", 201, json=body)

    return pipeline, apps


def test_a_database_comes_later_and_can_be_shared(heroku):
    if Databases.missing():
        pytest.skip(Databases.missing())

    app, other = heroku.new(), heroku.new()
    bought = heroku.call(
        "POST", f"/apps/{app['id']}/addons", 201, json={"plan": "heroku-postgresql:essential-0"}
    )
    assert (bought["state"], bought["config_vars"]) == ("provisioning", ["DATABASE_URL"])
    until(
        lambda: heroku.call("GET", f"/addons/{bought['id']}")["state"] == "provisioned",
        "provisioned",
        60,
    )
    url = heroku.call("GET", f"/apps/{app['id']}/config-vars")["DATABASE_URL"]
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE TABLE kept (n int)")

    heroku.call(
        "POST",
        "/addon-attachments",
        201,
        json={"addon": bought["id"], "app": other["id"], "name": "DATABASE"},
    )
    assert heroku.call("GET", f"/apps/{other['id']}/config-vars") == {"DATABASE_URL": url}
    heroku.call("DELETE", f"/apps/{app['id']}/addons/{bought['id']}")
    assert heroku.call("GET", f"/apps/{other['id']}/config-vars") == {}
    assert "setting DATABASE_URL" in " ".join(
        release["description"] for release in heroku.releases(app)
    )


def test_an_addons_config_var_cannot_be_overwritten(heroku):
    if Databases.missing():
        pytest.skip(Databases.missing())

    app = heroku.new()
    bought = heroku.call(
        "POST", f"/apps/{app['id']}/addons", json={"plan": "heroku-postgresql:essential-0"}
    )
    until(
        lambda: "DATABASE_URL" in heroku.call("GET", f"/apps/{app['id']}/config-vars"),
        "the config var",
        60,
    )
    heroku.call("PATCH", f"/apps/{app['id']}/config-vars", 422, json={"DATABASE_URL": "mine"})
    heroku.call("DELETE", f"/apps/{app['id']}/addons/{bought['id']}")


def test_plans_have_their_price(heroku):
    plan = heroku.call(
        "GET", "/addon-services/heroku-postgresql/plans/heroku-postgresql:essential-0"
    )
    assert (plan["name"], plan["price"]["cents"]) == ("heroku-postgresql:essential-0", 500)
    heroku.call("GET", "/addon-services/heroku-redis/plans/mini", 404)


def test_an_addon_may_take_minutes(heroku):
    if Databases.missing():
        pytest.skip(Databases.missing())

    app = heroku.new()
    heroku.control("settings", provision_s=36_000)
    try:
        bought = heroku.call(
            "POST", f"/apps/{app['id']}/addons", json={"plan": "heroku-postgresql"}
        )
    finally:
        heroku.control("settings", provision_s=120)

    assert heroku.call("GET", f"/apps/{app['id']}/config-vars") == {}
    heroku.call("DELETE", f"/apps/{app['id']}/addons/{bought['id']}")


def test_an_addon_that_is_not_emulated_is_501(heroku):
    app = heroku.new()
    assert (
        "heroku-redis"
        in heroku.call(
            "POST", f"/apps/{app['id']}/addons", 501, json={"plan": "heroku-redis:mini"}
        )["message"]
    )


def test_a_promotion_has_a_result_for_each_app(heroku):
    pipeline, [source, good, bad] = coupled(heroku, "staging", "production", "production")
    body = {
        "pipeline": {"id": pipeline["id"]},
        "source": {"app": {"id": source["id"]}},
        "targets": [{"app": {"id": app["id"]}} for app in (good, bad)],
    }
    made = heroku.call("POST", "/pipeline-promotions", 201, json=body)
    assert made["status"] == "pending"
    heroku.call("DELETE", f"/apps/{bad['id']}")
    path = f"/pipeline-promotions/{made['id']}"
    until(lambda: heroku.call("GET", path)["status"] == "completed", "completed", 60)
    results = {
        target["app"]["id"]: target for target in heroku.call("GET", f"{path}/promotion-targets")
    }
    assert results[good["id"]]["status"] == "succeeded"
    slugs = [heroku.releases(app)[-1]["slug"] for app in (source, good)]
    assert slugs[0] == slugs[1]
    latest = heroku.call("GET", f"/pipelines/{pipeline['id']}/latest-releases")
    assert {release["app"]["id"] for release in latest} == {source["id"], good["id"]}


def test_an_app_is_in_one_pipeline_and_can_leave_it(heroku):
    pipeline, [app] = coupled(heroku, "development")
    body = {"app": app["id"], "pipeline": pipeline["id"], "stage": "production"}
    heroku.call("POST", "/pipeline-couplings", 422, json=body)
    coupling = heroku.call("GET", f"/apps/{app['id']}/pipeline-couplings")
    moved = heroku.call("PATCH", f"/pipeline-couplings/{coupling['id']}", json={"stage": "staging"})
    assert moved["stage"] == "staging"
    heroku.call("DELETE", f"/pipeline-couplings/{coupling['id']}")
    heroku.call("GET", f"/apps/{app['id']}/pipeline-couplings", 404)


def test_a_log_session_can_be_narrowed_and_read_as_events(heroku):
    app = heroku.sample_app()
    heroku.get(app)
    assert "the sample app starts" in heroku.log(app, source="app", dyno_name="web.1")
    assert "heroku[" not in heroku.log(app, source="app")
    session = heroku.call("POST", f"/apps/{app['id']}/log-sessions", json={"lines": 1})
    events = heroku.public.get(session["logplex_url"], headers={"Accept": "text/event-stream"}).text
    assert events.startswith("id: ")
    assert events.count("data: ") == 1


def test_a_log_can_be_followed(heroku):
    app = heroku.sample_app()
    session = heroku.call(
        "POST", f"/apps/{app['id']}/log-sessions", json={"lines": 1, "tail": True}
    )
    with heroku.public.stream("GET", session["logplex_url"]) as answer:
        heroku.get(app, "/seen-live")
        assert any("/seen-live" in line for line in answer.iter_lines())


def test_a_log_sessions_address_does_not_live_long(hurried):
    app = hurried.new()
    session = hurried.call("POST", f"/apps/{app['id']}/log-sessions", json={})
    hurried.control("clock", jump_s=600)
    assert hurried.public.get(session["logplex_url"]).status_code == 404


def test_sizes_have_their_price(heroku):
    costs = {size["name"]: size["cost"]["cents"] for size in heroku.call("GET", "/dyno-sizes")}
    assert (costs["Basic"], costs["Standard-1X"], costs["Performance-L"]) == (700, 2500, 50000)


def test_the_account_says_what_was_made(heroku):
    before = heroku.account()["created"].get("app", 0)
    heroku.new()
    account = heroku.account()
    assert account["created"]["app"] == before + 1
    assert account["log"][-1]["endpoint"] == "POST /apps"
    assert "HRKU-" not in str(account)


def test_the_schema_is_served_without_a_token(heroku, needs_schema):
    assert "definitions" in heroku.public.get("/schema").json()
