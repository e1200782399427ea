"""Dynos: their environment, and how they boot, end, crash and are replaced."""

import os

import pytest

from tests.emulator.emulator_harness import PLAIN
from tests.until import until


def pid(heroku, app):
    """Of the process that answers."""
    return heroku.get(app).json()["pid"]


def answers_as_another(heroku, app, old):
    """Whether another process than this one answers. A request that is in flight at a switch may be
    cut by an app that ends at once.
    """
    answer = heroku.get(app)
    return answer.status_code == 200 and answer.json()["pid"] != old


def test_a_process_gets_config_and_platform_variables_and_nothing_else(heroku):
    env = heroku.get(heroku.sample_app(MINE="yes")).json()["env"]
    assert (env["MINE"], env["DYNO"], env["WEB_CONCURRENCY"]) == ("yes", "web.1", "2")
    assert env["PORT"].isdigit()
    allowed = {
        "HOME",
        "PATH",
        "LANG",
        "TMPDIR",
        "PYTHONPATH",
        "PYTHONUNBUFFERED",
        "DYNO_RAM",
        "FORWARDED_ALLOW_IPS",
        "GUNICORN_CMD_ARGS",
        "PWD",
        "SHLVL",
        "_",
        "MINE",
        "DYNO",
        "PORT",
        "WEB_CONCURRENCY",
        "LC_CTYPE",
    }
    assert set(env) <= allowed
    assert os.environ["PATH"] != env["PATH"]


def test_a_dyno_starts_before_it_is_up(heroku):
    app = heroku.sample_app(wait=False)
    assert [dyno["state"] for dyno in heroku.dynos(app)] == ["starting"]
    heroku.up(app)
    assert "State changed from starting to up" in heroku.log(app)


def test_each_dyno_has_a_fresh_copy_of_the_files(heroku):
    app = heroku.sample_app()
    assert [heroku.get(app, "/write").json()["before"] for _ in range(2)] == [False, True]
    heroku.call("DELETE", f"/apps/{app['id']}/dynos", 202)
    assert heroku.get(app, "/write").json()["before"] is False


def test_two_dynos_share_no_files_and_both_answer(heroku):
    app = heroku.sample_app()
    heroku.scale(app, 2, "Standard-1X")
    until(lambda: len(heroku.dynos(app)) == 2, "two dynos")
    heroku.up(app)
    assert until(lambda: len({heroku.get(app).json()["dir"] for _ in range(8)}) == 2, "both answer")


def test_a_size_tells_its_workers(heroku):
    app = heroku.sample_app()
    heroku.scale(app, 1, "standard-2x")
    assert heroku.get(app).json()["env"]["WEB_CONCURRENCY"] == "4"
    assert len(heroku.releases(app)) == 3


@pytest.mark.parametrize(
    ("quantity", "size"), [(2, "Basic"), (2, "Eco"), (-1, "Basic"), (1, "Huge"), (1.5, "Basic")]
)
def test_a_formation_that_is_not_allowed_is_422(heroku, quantity, size):
    heroku.scale(heroku.sample_app(wait=False), quantity, size, status=422)


def test_eco_and_basic_do_not_mix_with_other_sizes(heroku):
    app = heroku.new()
    heroku.release(
        app,
        heroku.slug("two", {**PLAIN, "Procfile": "web: python sample_app.py\nworker: sleep 600\n"}),
    )
    updates = [{"type": "worker", "quantity": 1, "dyno_size": {"name": "Standard-1X"}}]
    heroku.call("PATCH", f"/apps/{app['id']}/formation", 422, json={"updates": updates})
    updates.append({"type": "web", "dyno_size": {"name": "Standard-2X"}})
    changed = heroku.call("PATCH", f"/apps/{app['id']}/formation", json={"updates": updates})
    assert {entry["type"]: entry["size"] for entry in changed} == {
        "worker": "Standard-1X",
        "web": "Standard-2X",
    }


def test_a_batch_is_applied_whole_or_not_at_all(heroku):
    app = heroku.sample_app(wait=False)
    updates = [{"type": "web", "quantity": 0}, {"type": "nothing", "quantity": 1}]
    heroku.call("PATCH", f"/apps/{app['id']}/formation", 404, json={"updates": updates})
    assert len(heroku.dynos(app)) == 1


def test_a_web_process_that_does_not_bind_is_killed(hurried):
    app = hurried.sample_app(wait=False, BOOT="never")
    log = hurried.logged(app, "State changed from starting to crashed")
    assert "Error R10 (Boot timeout)" in log
    assert "Process exited with status 137" in log


def test_all_processes_get_sigterm_and_later_sigkill(hurried):
    app = hurried.sample_app(IGNORE_TERM="1")
    old = pid(hurried, app)
    hurried.call("DELETE", f"/apps/{app['id']}/dynos/web.1", 202)
    assert "Error R12 (Exit timeout)" in hurried.logged(
        app, "Stopping remaining processes with SIGKILL"
    )
    assert pid(hurried, app) != old


def test_a_release_ends_the_old_before_the_new_is_up_and_requests_wait(heroku):
    app = heroku.sample_app()
    old = pid(heroku, app)
    heroku.call("PATCH", f"/apps/{app['id']}/config-vars", json={"A": "1"})
    assert heroku.dynos(app)[0]["state"] == "starting"
    assert pid(heroku, app) != old
    log = heroku.log(app)
    assert log.rindex("Stopping all processes with SIGTERM") < log.rindex(
        "State changed from starting to up"
    )
    assert "status=503" not in log


def test_a_crash_is_answered_by_one_restart_and_then_a_cool_off(heroku):
    app = heroku.sample_app()
    for _ in range(2):
        heroku.get(app, "/crash")
        heroku.logged(app, "State changed from up to crashed")
        until(
            lambda: heroku.dynos(app)[0]["state"] in ("up", "crashed"), "restarted or cooling off"
        )

    assert "Process exited with status 3" in heroku.log(app)


def test_a_process_that_crashes_at_boot_stays_crashed_until_the_next_release(heroku):
    app = heroku.sample_app(wait=False, BOOT="crash")
    until(lambda: heroku.log(app).count("Process exited with status 4") >= 2, "two attempts")
    assert heroku.get(app).status_code == 503
    heroku.call("PATCH", f"/apps/{app['id']}/config-vars", json={"BOOT": None})
    heroku.up(app)


@pytest.mark.parametrize("how", ["cycle", "kill"])
def test_a_dyno_is_replaced_when_it_is_cycled_or_killed(heroku, how):
    app = heroku.sample_app()
    old = pid(heroku, app)
    heroku.control("dynos", app=app["name"], dyno="web.1", action=how)
    assert until(
        lambda: (answer := heroku.get(app)).status_code == 200 and answer.json()["pid"] != old,
        "another",
    )


def test_dynos_are_cycled_within_a_day_and_a_part(hurried):
    app = hurried.sample_app()
    old = pid(hurried, app)
    hurried.control("clock", jump_s=28 * 3600)
    hurried.logged(app, "Cycling")
    assert pid(hurried, hurried.up(app)) != old


def test_a_stopped_dyno_comes_back_with_a_restart_of_all(heroku):
    app = heroku.sample_app()
    heroku.call("POST", f"/apps/{app['id']}/dynos/web.1/actions/stop", 202)
    assert heroku.dynos(app) == []
    heroku.call("PATCH", f"/apps/{app['id']}/config-vars", json={"A": "1"})
    assert heroku.get(app).status_code == 200


def test_a_one_off_dyno_runs_a_command(heroku):
    app = heroku.sample_app()
    made = heroku.call(
        "POST",
        f"/apps/{app['id']}/dynos",
        201,
        json={"command": "echo once $WORD", "env": {"WORD": "x"}},
    )
    assert made["type"] == "run"
    assert "once x" in heroku.logged(app, "once x")


def test_preboot_wants_a_size_that_has_it(heroku):
    app = heroku.sample_app()
    path = f"/apps/{app['id']}/features/preboot"
    heroku.call("PATCH", path, 422, json={"enabled": True})
    heroku.scale(app, 1, "Standard-1X")
    assert heroku.call("PATCH", path, json={"enabled": True})["enabled"] is True


def test_under_preboot_the_old_serve_unlisted_until_the_switch(hurried):
    app = hurried.sample_app()
    hurried.scale(app, 1, "Standard-1X")
    hurried.up(app)
    hurried.call("PATCH", f"/apps/{app['id']}/features/preboot", json={"enabled": True})
    old = pid(hurried, app)
    hurried.call("PATCH", f"/apps/{app['id']}/config-vars", json={"A": "1"})
    assert pid(hurried, app) == old
    assert [dyno["release"]["version"] for dyno in hurried.dynos(app)] == [
        len(hurried.releases(app))
    ]
    assert until(lambda: answers_as_another(hurried, app, old), "the switch")
    assert "status=503" not in hurried.log(app)


def test_deleting_an_app_ends_its_processes(heroku):
    app = heroku.sample_app()
    number = pid(heroku, app)
    heroku.call("DELETE", f"/apps/{app['id']}")
    assert until(lambda: not os.path.exists(f"/proc/{number}"), "the process is gone")
    assert heroku.get(app).status_code == 404
