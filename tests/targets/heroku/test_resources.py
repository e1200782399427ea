"""One small function a resource: what is sent, what is read, and that nothing is made or restarted
without need.
"""

import re
from typing import Any

import pytest

from targets.heroku.api import (
    addons,
    apps,
    config_vars,
    dynos,
    formation,
    logs,
    owner,
    pipelines,
    releases,
)
from targets.heroku.api.formation import Scale
from targets.heroku.errors import HerokuFailure
from tests.targets.heroku.conftest import Made
from tests.targets.heroku.scripted_server import RESET, Asked, Reply, answered, in_turn, refused

APP = {
    "id": "1",
    "name": "flights-v1",
    "web_url": "http://flights-v1-0123456789ab.herokuapp.com/",
    "stack": {"id": "s", "name": "heroku-24"},
    "generation": {"id": "g", "name": "cedar"},
    "region": {"id": "r", "name": "us"},
    "owner": {"id": "me", "email": "me@example.org"},
    "team": None,
    "maintenance": False,
}
NOT_FOUND = refused(404, "not_found", "Couldn't find that app.", resource="app")


def test_an_app_is_reached_at_the_address_it_has_and_over_tls(platform: Made) -> None:
    client, _ = platform(lambda _: answered(APP))
    found = apps.app(client, "flights-v1")
    assert found is not None
    assert found.url == "https://flights-v1-0123456789ab.herokuapp.com"
    assert (found.stack, found.generation, found.owner, found.team) == (
        "heroku-24",
        "cedar",
        "me",
        None,
    )


def test_an_app_is_made_once_personal_or_in_a_team(platform: Made) -> None:
    client, server = platform(
        in_turn(NOT_FOUND, answered(APP, 201), answered(APP), NOT_FOUND, answered(APP, 201))
    )
    assert apps.ensure_app(client, "flights-v1", "us", "heroku-24")[1]
    assert not apps.ensure_app(client, "flights-v1", "us", "heroku-24")[1]
    assert apps.ensure_app(client, "flights-v1", "us", "heroku-24", "crew")[1]
    posts = [(each.path, each.json) for each in server.calls("POST")]
    body = {"name": "flights-v1", "region": "us", "stack": "heroku-24"}
    assert posts == [("/apps", body), ("/teams/apps", {**body, "team": "crew"})]


def test_a_teams_app_tells_its_generation_when_asked_again(platform: Made) -> None:
    plain = {key: value for key, value in APP.items() if key != "generation"}
    client, _ = platform(in_turn(NOT_FOUND, answered(plain, 201), answered(APP)))
    assert apps.ensure_app(client, "flights-v1", "us", "heroku-24", "crew")[0].generation == "cedar"


def test_an_app_whose_answer_was_lost_is_found_and_not_made_again(platform: Made) -> None:
    client, server = platform(in_turn(NOT_FOUND, RESET, answered(APP)))
    assert apps.ensure_app(client, "flights-v1", "us", "heroku-24")[0].id == "1"
    assert len(server.calls("POST")) == 1


def test_a_name_that_somebody_else_has_is_refused_with_what_heroku_says_and_the_way_out(
    platform: Made,
) -> None:
    taken = refused(422, "invalid_params", "Name flights-v1 is already taken")
    client, _ = platform(in_turn(NOT_FOUND, taken))
    with pytest.raises(
        HerokuFailure, match=r"422 invalid_params.*already taken.*another heroku\.app_prefix"
    ):
        apps.ensure_app(client, "flights-v1", "us", "heroku-24")


def test_an_app_without_slugs_is_refused(platform: Made) -> None:
    client, _ = platform(lambda _: answered({**APP, "generation": {"id": "g", "name": "fir"}}))
    with pytest.raises(HerokuFailure, match="generation 'fir', which has no slugs"):
        apps.ensure_app(client, "flights-v1", "us", "heroku-24")


def web(quantity: int, size: str) -> dict[str, Any]:
    """One process type of a formation."""
    return {"type": "web", "quantity": quantity, "dyno_size": {"id": "x", "name": size}}


def test_only_what_has_to_change_is_scaled_in_one_request(platform: Made) -> None:
    client, server = platform(lambda _: answered([web(1, "Basic")]))
    assert not formation.scale(client, "a", {"web": Scale(1, "basic")})
    assert formation.scale(client, "a", {"web": Scale(0, "Basic"), "worker": Scale(1, "Basic")})
    (patch,) = server.calls("PATCH")
    assert (patch.path, patch.json["updates"]) == (
        "/apps/a/formation",
        [
            {"type": "web", "quantity": 0, "dyno_size": {"name": "Basic"}},
            {"type": "worker", "quantity": 1, "dyno_size": {"name": "Basic"}},
        ],
    )


def test_config_vars_are_compared_before_they_are_sent() -> None:
    now = {"A": "1", "B": "2", "DATABASE_URL": "x"}
    assert config_vars.difference(now, {"A": "1", "B": "3", "C": None, "D": "4"}) == {
        "B": "3",
        "D": "4",
    }
    assert config_vars.difference(now, {"B": None}) == {"B": None}


def test_the_vars_of_a_release_can_be_read(platform: Made) -> None:
    client, server = platform(lambda _: answered({"A": "1"}))
    assert config_vars.config_vars_at(client, "a", 7) == {"A": "1"}
    assert server.asked[0].path == "/apps/a/releases/7/config-vars"


def release(version: int, slug: str | None = "s", **more: Any) -> dict[str, Any]:
    """One release of Heroku's."""
    rest = {"status": "succeeded", "current": False, "description": "", "output_stream_url": None}
    return {"id": f"r{version}", "version": version, "slug": slug and {"id": slug}, **rest, **more}


def test_releases_are_read_newest_first_and_the_current_one_is_named(platform: Made) -> None:
    listed = [release(3, status="failed"), release(2, current=True), release(1, None)]
    client, server = platform(lambda _: answered(listed, 206, Next_Range="version ..1; max=3"))
    newest_first = releases.releases(client, "a", 3)
    assert [release.version for release in newest_first] == [3, 2, 1]
    assert [release.version for release in newest_first if release.current] == [2]
    assert server.asked[0].headers["Range"] == "version ..; max=3, order=desc"
    assert releases.release_of(release(1, None)).slug is None


def test_one_off_dynos_are_no_dynos_of_the_app(platform: Made) -> None:
    def dyno(kind: str) -> dict[str, Any]:
        rest = {
            "state": "up",
            "release": {"id": "r", "version": 3},
            "size": "Basic",
            "updated_at": "",
        }
        return {"id": kind, "name": f"{kind}.1", "type": kind, **rest}

    client, _ = platform(lambda _: answered([dyno("web"), dyno("run"), dyno("release")]))
    assert [(each.name, each.release) for each in dynos.dynos(client, "a")] == [("web.1", 3)]


def database(app: str = "a", state: str = "provisioning") -> dict[str, Any]:
    """One add-on."""
    return {
        "id": "d",
        "name": "round-1",
        "app": {"id": f"id-{app}", "name": app},
        "addon_service": {"id": "p", "name": "heroku-postgresql"},
        "plan": {"id": "e", "name": "heroku-postgresql:essential-0"},
        "state": state,
        "config_vars": ["DATABASE_URL"],
    }


def test_a_database_is_ordered_once_even_if_the_answer_is_lost(platform: Made) -> None:
    ordered: list[Any] = []

    def answer(asked: Asked) -> Reply:
        if asked.method == "POST":
            ordered.append(asked.json)
            return RESET
        # An add-on of another app that is attached here is not this app's own.
        return answered([database("other"), *([database()] if ordered else [])])

    client, server = platform(answer)
    found, new = addons.ensure_addon(client, "a", "heroku-postgresql:essential-0")
    assert (found.app, found.state, found.config_vars, new) == (
        "a",
        "provisioning",
        ("DATABASE_URL",),
        True,
    )
    assert addons.ensure_addon(client, "a", "heroku-postgresql:essential-0")[1] is False
    assert ordered == [
        {"plan": "heroku-postgresql:essential-0", "attachment": {"name": "DATABASE"}}
    ]
    assert len(server.calls("POST")) == 1


def test_a_database_is_attached_to_another_app_once(platform: Made) -> None:
    there: list[Any] = []

    def answer(asked: Asked) -> Reply:
        if asked.method == "POST":
            there.append({"addon": {"id": asked.json["addon"]}, "name": asked.json["name"]})
            return RESET
        return answered(there)

    client, server = platform(answer)
    assert addons.attach(client, addons.addon_of(database()), "b")
    assert not addons.attach(client, addons.addon_of(database()), "b")
    assert server.calls("POST")[0].json == {
        "addon": "d",
        "app": "b",
        "confirm": "b",
        "name": "DATABASE",
    }


def test_a_pipeline_and_its_couplings_are_made_once(platform: Made) -> None:
    made: dict[str, Any] = {}

    def answer(asked: Asked) -> Reply:
        match asked.method, asked.path:
            case "POST", "/pipelines":
                made["pipeline"] = {
                    "id": "p",
                    "name": "flights",
                    "owner": {"id": "me", "type": "user"},
                }
                return RESET
            case "GET", "/pipelines":
                stranger = {"id": "q", "name": "flights", "owner": {"id": "you", "type": "user"}}
                return answered([stranger, *([made["pipeline"]] if "pipeline" in made else [])])
            case "POST", "/pipeline-couplings":
                made["coupling"] = {
                    "id": "c",
                    "pipeline": {"id": "p"},
                    "stage": asked.json["stage"],
                }
                return RESET
            case "PATCH", "/pipeline-couplings/c":
                made["coupling"]["stage"] = asked.json["stage"]

        return answered(made["coupling"]) if "coupling" in made else NOT_FOUND

    client, server = platform(answer)
    me = owner.Owner("me", "user", "me@example.org")
    found, new = pipelines.ensure_pipeline(client, "flights", me)
    assert (found.id, new, pipelines.ensure_pipeline(client, "flights", me)[1]) == (
        "p",
        True,
        False,
    )
    assert pipelines.couple(client, "a", found, "staging")
    assert not pipelines.couple(client, "a", found, "staging")
    assert pipelines.couple(client, "a", found)
    assert len(server.calls("POST")) == 2
    assert made["coupling"]["stage"] == "production"


def test_who_owns_what_is_made(platform: Made) -> None:
    client, _ = platform(
        in_turn(
            answered({"id": "me", "email": "me@example.org"}), answered({"id": "t", "name": "crew"})
        )
    )
    assert owner.owner(client) == owner.Owner("me", "user", "me@example.org")
    assert owner.owner(client, "crew") == owner.Owner("t", "team", "crew")


LOG = b"""2026-01-01T00:00:00+00:00 heroku[router]: at=error code=H12 desc="Request timeout" x=1
2026-01-01T00:00:00+00:00 heroku[web.1]: Error R14 (Memory quota exceeded)
2026-01-01T00:00:00+00:00 heroku[router]: at=error code=H12 desc="Request timeout" path="/code=H99"
2026-01-01T00:00:00+00:00 app[web.1]: 2026 heroku[router]: at=error code=H10
"""


def test_recent_lines_are_read_without_the_token_and_herokus_codes_counted(platform: Made) -> None:
    server_url: list[str] = []

    def answer(asked: Asked) -> Reply:
        return (
            answered({"logplex_url": f"{server_url[0]}/log"}, 201)
            if asked.method == "POST"
            else Reply(200, LOG)
        )

    client, server = platform(answer)
    server_url.append(server.url)
    lines = logs.recent_lines(client, "a", 5000, source="heroku", dyno="web.1")
    assert len(lines) == 4
    assert logs.error_codes(lines) == {"H12": 2, "R14": 1}
    assert server.asked[0].json == {
        "lines": 1500,
        "tail": False,
        "source": "heroku",
        "dyno_name": "web.1",
    }
    assert "Authorization" not in server.asked[1].headers


def test_the_pickle_of_a_pipeline_names_its_packages_without_being_loaded() -> None:
    import pickle

    import numpy as np
    from sklearn.linear_model import LogisticRegression

    from environments.imports import distributions_in

    raw = pickle.dumps(
        {
            "model": LogisticRegression(),
            "values": np.arange(3),
            "words": ["pandas is a bear", "Oslo"],
        }
    )
    assert {"scikit-learn", "numpy"} <= distributions_in(raw)
    assert "pandas" not in distributions_in(raw)
    assert "numpy" in distributions_in(pickle.dumps(np.float64, protocol=0))
    assert not re.search("pytest", str(distributions_in(b"\x8c\x06pytest\x00")))
