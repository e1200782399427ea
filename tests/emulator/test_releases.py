"""Releases and config vars: numbers, what is current, ways back, the release command."""

import pytest

from tests.emulator.emulator_harness import PLAIN, WITH_RELEASE
from tests.until import until


def descriptions(heroku, app):
    """What the releases say, from v1 on."""
    return [release["description"] for release in heroku.releases(app)]


def settled(heroku, app):
    """The newest release, once its command is over."""
    return until(
        lambda: (new := heroku.releases(app)[-1])["status"] != "pending" and new,
        "the release is over",
        60,
    )


@pytest.fixture
def released(heroku):
    """An app whose Procfile has a release command, with its first release out."""
    app = heroku.new(COLOUR="red")
    heroku.release(app, heroku.slug("with-release", WITH_RELEASE))
    assert settled(heroku, app)["status"] == "succeeded"
    return heroku.up(app)


def test_a_new_app_has_two_releases_and_no_slug(heroku):
    app = heroku.new()
    assert descriptions(heroku, app) == ["Initial release", "Enable Logplex"]
    assert [release["current"] for release in heroku.releases(app)] == [False, True]
    assert not any(release["eligible_for_rollback"] for release in heroku.releases(app))


def test_config_is_changed_by_a_release_and_null_removes(heroku):
    app = heroku.new()
    path = f"/apps/{app['id']}/config-vars"
    assert heroku.call("PATCH", path, json={"A": "1", "B": "2"}) == {"A": "1", "B": "2"}
    assert heroku.call("PATCH", path, json={"A": None, "C": "3"}) == {"B": "2", "C": "3"}
    assert descriptions(heroku, app)[2:] == [
        "Set A, B config vars",
        "Set C and Remove A config vars",
    ]
    old = heroku.call("GET", f"/apps/{app['id']}/releases/3/config-vars")
    assert old == {"A": "1", "B": "2"}


@pytest.mark.parametrize("bad", [{"A-B": "1"}, {"A": 1}, {"A": "x" * 70_000}])
def test_config_that_is_not_allowed_changes_nothing(heroku, bad):
    app = heroku.new()
    heroku.call("PATCH", f"/apps/{app['id']}/config-vars", 422, json=bad)
    assert len(heroku.releases(app)) == 2


def test_a_config_change_restarts_the_dynos(heroku):
    app = heroku.sample_app()
    before = heroku.get(app).json()
    heroku.call("PATCH", f"/apps/{app['id']}/config-vars", json={"COLOUR": "blue"})
    after = heroku.get(app).json()
    assert (before["env"].get("COLOUR"), after["env"]["COLOUR"]) == (None, "blue")


def test_a_rollback_is_a_new_release_of_the_old_slug_and_config(heroku):
    app = heroku.sample_app(COLOUR="red")
    good = heroku.releases(app)[-1]
    heroku.call("PATCH", f"/apps/{app['id']}/config-vars", json={"COLOUR": "blue"})
    back = heroku.call("POST", f"/apps/{app['id']}/releases", 201, json={"release": good["id"]})
    assert (back["description"], back["slug"]) == (f"Rollback to v{good['version']}", good["slug"])
    assert heroku.call("GET", f"/apps/{app['id']}/config-vars") == {"COLOUR": "red"}
    assert [release["version"] for release in heroku.releases(app) if release["current"]] == [
        back["version"]
    ]


def test_a_rollback_wants_a_release_that_can_be_rolled_back_to(heroku):
    app = heroku.new()
    path = f"/apps/{app['id']}/releases"
    heroku.call("POST", path, 422, json={"release": heroku.releases(app)[0]["id"]})
    heroku.call("POST", path, 404, json={"release": app["id"]})


def test_a_slug_runs_on_another_app_without_a_build(heroku):
    first, second = heroku.sample_app(), heroku.new()
    slug = heroku.releases(first)[-1]["slug"]["id"]
    made = heroku.release(second, slug, description="iris 1.4.0")
    assert (made["slug"]["id"], made["description"]) == (slug, "iris 1.4.0")
    assert heroku.get(second).status_code == 200
    assert heroku.call("GET", f"/apps/{second['id']}/builds") == []


def test_an_unknown_slug_is_404(heroku):
    app = heroku.new()
    assert (
        heroku.call("POST", f"/apps/{app['id']}/releases", 404, json={"slug": app["id"]})[
            "resource"
        ]
        == "slug"
    )


def test_the_release_command_runs_before_the_release_is_current(heroku, released):
    newest = heroku.releases(released)[-1]
    assert newest["current"]
    assert heroku.public.get(newest["output_stream_url"]).text == "released red\n"


def test_a_failed_release_command_leaves_everything_as_it_was(heroku, released):
    good, pid = heroku.releases(released)[-1], heroku.get(released).json()["pid"]
    path = f"/apps/{released['id']}/config-vars"
    answer = heroku.api.patch(path, json={"RELEASE_EXIT": "3"})
    assert answer.json() == {"COLOUR": "red"}
    assert "release command" in answer.headers["x-heroku-warning"]
    failed = settled(heroku, released)
    assert (failed["status"], failed["current"], failed["eligible_for_rollback"]) == (
        "failed",
        False,
        False,
    )
    assert [release["id"] for release in heroku.releases(released) if release["current"]] == [
        good["id"]
    ]
    assert heroku.call("GET", path) == {"COLOUR": "red"}
    assert heroku.get(released).json()["pid"] == pid


def test_the_output_of_a_release_command_is_404_until_it_starts(heroku):
    app = heroku.new()
    made = heroku.release(app, heroku.slug("with-release", WITH_RELEASE))
    assert made["status"] == "pending"
    assert heroku.public.get(made["output_stream_url"]).status_code == 404
    assert until(
        lambda: heroku.public.get(made["output_stream_url"]).status_code == 200,
        "the command speaks",
    )


def test_the_first_release_with_a_web_process_scales_it_to_one(heroku):
    app = heroku.new()
    heroku.release(app, heroku.slug("sample", PLAIN))
    [web] = heroku.call("GET", f"/apps/{app['id']}/formation")
    assert (web["type"], web["quantity"], web["dyno_size"]["name"]) == ("web", 1, "Basic")
