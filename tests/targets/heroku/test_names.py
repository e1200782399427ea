"""Names on Heroku are valid, stable, and different for different versions."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollout.errors import BadSetting
from rollout.settings import from_mapping, is_name
from targets.heroku.names import pipeline_name, prefix_of, router_app, version_app

HEROKUS = re.compile(r"^[a-z][a-z0-9-]{1,28}[a-z0-9]$")
VERSIONS = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", fullmatch=True).filter(is_name)


def test_plain_versions_keep_their_names() -> None:
    assert router_app("flights") == "flights-router"
    assert version_app("flights", "v1") == "flights-v1"
    assert pipeline_name("flights") == "flights"


@given(VERSIONS, VERSIONS)
def test_every_version_has_a_valid_name_of_its_own(one: str, other: str) -> None:
    prefix = "abcdefghijklmnop"
    names = {version_app(prefix, one), version_app(prefix, other), router_app(prefix)}
    assert all(HEROKUS.match(name) for name in names)
    assert len(names) == (2 if one == other else 3)
    assert version_app(prefix, one) == version_app(prefix, one)


@pytest.mark.parametrize(
    ("one", "other"), [("v1.2", "v1-2"), ("V1", "v1"), ("router", "r"), ("v" * 40, "v" * 41)]
)
def test_versions_that_look_alike_are_kept_apart(one: str, other: str) -> None:
    assert version_app("flights", one) != version_app("flights", other)
    assert version_app("flights", one) != router_app("flights")


def test_the_prefix_is_the_settings_else_the_models_and_the_accounts() -> None:
    assert prefix_of(from_mapping({"heroku": {"app_prefix": "air-9"}}), "me") == "air-9"
    mine, yours = (
        prefix_of(from_mapping({"model": "Flight_Delays.2013"}), owner) for owner in ("me", "you")
    )
    assert re.fullmatch(r"flight-de-[0-9a-f]{6}", mine)
    assert mine != yours
    assert HEROKUS.match(router_app(prefix_of(from_mapping({"model": "2013"}), "me")))


@pytest.mark.parametrize("prefix", ["A", "9a", "a-", "a_b", "ä", "x" * 17, "a"])
def test_a_prefix_that_heroku_would_refuse_is_refused_by_its_path(prefix: str) -> None:
    with pytest.raises(BadSetting, match=r"'heroku\.app_prefix'"):
        from_mapping({"heroku": {"app_prefix": prefix}})


def test_heroku_is_a_target_with_settings_of_its_own() -> None:
    made = from_mapping(
        {"deployment": {"target": "heroku"}, "heroku": {"router_size": "Standard-1X", "warm_s": 0}}
    )
    assert (made.deployment.target, made.heroku.router_size, made.heroku.keep) == (
        "heroku",
        "Standard-1X",
        3,
    )
    for bad in (
        {"keep": 0},
        {"region": ""},
        {"postgres": "a b"},
        {"team": "a/b"},
        {"router_dynos": 0},
        {"size": "x"},
    ):
        with pytest.raises(BadSetting, match="heroku"):
            from_mapping({"heroku": bad})
