"""deploy.toml: its values are the defaults, and what is not known or not right is refused by its
path.
"""

import math
import re
import tomllib
from functools import reduce
from pathlib import Path
from typing import Any

import pytest

from rollout.errors import BadSetting
from rollout.settings import Settings, from_mapping, is_name, paths

MANUAL = tomllib.loads((Path(__file__).parents[2] / "deploy.toml").read_text(encoding="utf-8"))


def tables(path: str, value: object) -> dict[str, Any]:
    """A parsed deploy.toml with one setting."""
    *outer, key = path.split(".")
    return reduce(lambda inner, table: {table: inner}, reversed(outer), {key: value})


def at(path: str, settings: object) -> Any:
    """The value of a dotted path."""
    return reduce(getattr, path.split("."), settings)


LISTS_AND_WORDS = (
    *("webhooks.urls", "router.pinning", "router.public", "router.hosts", "load.addresses"),
)
OF_THIS_MODEL = ("verdict.prediction.tolerance",)
"""What deploy.toml sets otherwise than the default, and says why."""


@pytest.mark.parametrize("path", [path for path in paths() if path not in OF_THIS_MODEL])
def test_every_default_is_the_value_of_deploy_toml(path: str) -> None:
    written = reduce(lambda table, key: table[key], path.split("."), MANUAL)
    default = at(path, Settings())
    written = tuple(written) if isinstance(written, list) else written
    assert (default, type(default)) == (written, type(written))


def test_an_empty_file_gives_the_defaults_and_the_manual_what_it_says() -> None:
    assert from_mapping({}) == Settings()
    manual = from_mapping(MANUAL)
    assert {path for path in paths() if at(path, manual) != at(path, Settings())} == set(
        OF_THIS_MODEL
    )


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("model", "weather"),
        ("router.port", 0),
        ("router.port", 65_535),
        ("router.pinning", False),
        ("router.pinning", True),
        ("router.open_on_loopback", False),
        ("router.shadow_tolerance", 0.0),
        ("router.unit.cookie", "uid"),
        ("router.limits.max_rows", 1),
        ("delivery.tolerance", 0.0),
        ("deployment.ready_timeout_s", 0.5),
        ("deployment.target", "local"),
    ],
)
def test_a_setting_is_read_and_the_others_keep_their_defaults(path: str, value: object) -> None:
    settings = from_mapping(tables(path, value))
    assert at(path, settings) == value
    others = [other for other in paths() if other != path]
    assert [at(other, settings) for other in others] == [at(other, Settings()) for other in others]


def test_a_whole_number_will_do_for_a_number() -> None:
    seconds = from_mapping(tables("deployment.ready_timeout_s", 5)).deployment.ready_timeout_s
    assert (seconds, type(seconds)) == (5.0, float)


@pytest.mark.parametrize(
    ("path", "known"),
    [
        ("modell", "model, router, delivery, deployment"),
        ("router.prot", "host, port, workers"),
        ("router.unit.heder", "header, cookie, field, set_cookie"),
        ("router.limits.max_row", "deadline_ms, version_timeout_ms"),
        ("deployment.router.port", None),
    ],
)
def test_an_unknown_key_is_refused_by_its_path_with_those_there_are(
    path: str, known: str | None
) -> None:
    key = path if known else "deployment.router"
    with pytest.raises(
        BadSetting, match=re.escape(f"deploy.toml: unknown key '{key}' (known here: {known or ''}")
    ):
        from_mapping(tables(path, 1))


@pytest.mark.parametrize("path", [path for path in paths() if path not in LISTS_AND_WORDS])
def test_a_value_of_the_wrong_kind_is_refused_by_its_path(path: str) -> None:
    kinds = {str: "a text", int: "a whole number", float: "a number", bool: "true or false"}
    kind = kinds[type(at(path, Settings()))]
    for value in ([], {}, None):
        with pytest.raises(
            BadSetting, match=re.escape(f"deploy.toml: '{path}' is {kind}, not {value!r}")
        ):
            from_mapping(tables(path, value))


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("model", 7),
        ("router.port", "8000"),
        ("router.port", 8000.0),
        ("router.port", True),
        ("router.workers", 1.5),
        ("router.pinning", "yes"),
        ("router.pinning", 1),
        ("router.pinning", []),
        ("router.shadow_tolerance", "1e-6"),
        ("deployment.ready_timeout_s", True),
        ("deployment.ready_timeout_s", "60s"),
    ],
)
def test_nothing_is_converted_that_was_written_as_something_else(path: str, value: object) -> None:
    with pytest.raises(
        BadSetting, match=re.escape(f"'{path}' is ") + ".*" + re.escape(f", not {value!r}")
    ):
        from_mapping(tables(path, value))


def test_a_list_of_addresses_is_read() -> None:
    urls = ["https://example.com/hook?room=7", "http://127.0.0.1:9000"]
    assert from_mapping(tables("webhooks.urls", urls)).webhooks.urls == tuple(urls)


@pytest.mark.parametrize(
    "value", ["https://example.com", 1, {}, None, [1], ["https://example.com", None]]
)
def test_what_is_no_list_of_texts_is_refused(value: object) -> None:
    with pytest.raises(
        BadSetting, match=re.escape(f"'webhooks.urls' is a list of texts, not {value!r}")
    ):
        from_mapping(tables("webhooks.urls", value))


@pytest.mark.parametrize(
    "url",
    [
        "",
        "example.com",
        "ftp://example.com",
        "https://",
        "https:///x",
        "https://me:hush@example.com",
        "http://a b",
        "http://[::1",
        "http://::1",
        "http://a:99999",
        "http://a:0",
        "http://a:",
        "http://a:١",
        "http://a:8_0",
        "http://" + "a" * 254,
        "http://?x",
    ],
)
def test_what_is_no_address_is_refused_by_its_place_and_not_repeated(url: str) -> None:
    with pytest.raises(BadSetting, match=re.escape("'webhooks.urls[1]' is no address")) as refused:
        from_mapping(tables("webhooks.urls", ["https://example.com", url]))
    assert "hush" not in str(refused.value)


@pytest.mark.parametrize(
    "url", ["http://[::1]:80/x", "https://a.example:65535", "http://é.example?x=a@b", "https://a#b"]
)
def test_an_address_may_have_a_port_a_path_and_a_query(url: str) -> None:
    assert from_mapping(tables("webhooks.urls", [url])).webhooks.urls == (url,)


@pytest.mark.parametrize("url", ["127.0.0.1:4318", "grpc://a:4317", "http://me:hush@a:4318"])
def test_what_is_no_collectors_address_is_refused_and_not_repeated(url: str) -> None:
    with pytest.raises(BadSetting, match=r"'traces.endpoint' is no address") as refused:
        from_mapping(tables("traces.endpoint", url))
    assert "hush" not in str(refused.value)


def test_no_more_than_all_requests_have_spans() -> None:
    assert from_mapping(tables("traces.ratio", 1)).traces.ratio == 1
    with pytest.raises(BadSetting, match=r"'traces.ratio' is at most 1, not 1.5"):
        from_mapping(tables("traces.ratio", 1.5))


def test_a_receiver_that_is_named_twice_is_refused() -> None:
    with pytest.raises(BadSetting, match=re.escape("'webhooks.urls[1]' is there twice")):
        from_mapping(tables("webhooks.urls", ["https://example.com", "https://example.com"]))


@pytest.mark.parametrize(
    "path", ["router", "router.unit", "router.limits", "delivery", "deployment"]
)
def test_a_table_is_not_a_value(path: str) -> None:
    with pytest.raises(BadSetting, match=f"'{path}' is a table, not 'local'"):
        from_mapping(tables(path, "local"))


NUMBERS = [path for path in paths() if type(at(path, Settings())) in (int, float)]
UNBOUNDED = (
    *("port", "tolerance", "shadow_tolerance", "recent_rows"),
    *(
        "weight",
        "margin",
        "cold_s",
        "step_s",
        "pairs_per_s",
        "overhead_ms",
        "share_tolerance",
        "warm_s",
        "ratio",
        "rows_per_s",
        "errors",
        "shed",
    ),
)
POSITIVE = [path for path in NUMBERS if path.rpartition(".")[2] not in UNBOUNDED]


@pytest.mark.parametrize("path", NUMBERS)
def test_a_number_below_zero_or_none_at_all_is_refused_by_its_path(path: str) -> None:
    kind = type(at(path, Settings()))
    for value in (-1, math.nan, math.inf, -math.inf) if kind is float else (-1,):
        with pytest.raises(BadSetting, match=f"deploy.toml: '{path}' is a number"):
            from_mapping(tables(path, value))


@pytest.mark.parametrize("path", POSITIVE)
def test_a_bound_of_nothing_is_refused_by_its_path(path: str) -> None:
    with pytest.raises(BadSetting, match=f"deploy.toml: '{path}' is a number above 0, not 0"):
        from_mapping(tables(path, 0))


@pytest.mark.parametrize(
    ("path", "value", "says"),
    [
        ("drift.rows_per_s", 2_001, "at most 2000"),
        ("drift.tolerance", 1.0, "a share below 1"),
        ("drift.false_alarm_days", 3_600 / 86_400, "is at least 1"),
        ("drift.window_s", 299, "divides an hour"),
        ("drift.window_s", 700, "divides an hour"),
        ("drift.window_s", 450, "of whole minutes"),
        ("drift.window_s", 7_200, "divides an hour"),
    ],
)
def test_a_setting_of_drift_beyond_its_bounds_is_refused(path, value, says) -> None:
    with pytest.raises(BadSetting, match=f"'{path}' .*{says}"):
        from_mapping(tables(path, value))


def test_a_port_that_no_machine_has_is_refused() -> None:
    with pytest.raises(BadSetting, match=r"'router.port' is at most 65535, not 65536"):
        from_mapping(tables("router.port", 65_536))


def test_more_processes_than_any_machine_runs_are_refused() -> None:
    with pytest.raises(BadSetting, match=r"'deployment.workers' is at most 64, not 65"):
        from_mapping(tables("deployment.workers", 65))


@pytest.mark.parametrize(
    ("path", "known"),
    [
        ("deployment.target", "local, heroku"),
        ("deployment.runtime", "certified, sklearn"),
        ("logs.format", "text, json"),
    ],
)
def test_another_word_is_refused_with_those_there_are(path: str, known: str) -> None:
    with pytest.raises(BadSetting, match=f"'{path}' is one of {known}, not 'moon'"):
        from_mapping(tables(path, "moon"))


@pytest.mark.parametrize("name", ["flights", "v2", "2", "v2.1-rc_1", "a" * 64, "V2."])
def test_a_name_is_letters_digits_and_the_three_signs(name: str) -> None:
    assert is_name(name)
    assert from_mapping({"model": name}).model == name


@pytest.mark.parametrize(
    "name",
    [
        "",
        ".",
        "..",
        "-v2",
        "_v2",
        ".v2",
        "a" * 65,
        "v 2",
        "v2/",
        "../v2",
        "v2\n",
        "größe",
        "v²",
        "v2:1",
        "%",
    ],
)
def test_what_could_not_be_a_folder_a_label_and_a_header_is_no_name(name: str) -> None:
    assert not is_name(name)
    with pytest.raises(
        BadSetting,
        match=re.escape(f"'model' is letters, digits, '-', '_' and '.' (at most 64), not {name!r}"),
    ):
        from_mapping({"model": name})


def test_the_areas_that_are_open_and_the_hosts_of_proxies_are_read() -> None:
    areas, hosts = ["metrics", "docs"], ["models.example.com", "a-b.example:8443"]
    assert from_mapping(tables("router.public", areas)).router.public == tuple(areas)
    assert from_mapping(tables("router.hosts", hosts)).router.hosts == tuple(hosts)


@pytest.mark.parametrize("area", ["rows", "acts", "public", ""])
def test_an_area_that_may_never_be_open_is_refused(area: str) -> None:
    says = f"'router.public' is one of page, status, metrics, docs, not {area!r}"
    with pytest.raises(BadSetting, match=re.escape(says)):
        from_mapping(tables("router.public", ["docs", area]))


@pytest.mark.parametrize("host", ["", "https://a.example", "a.example/", "*", "a b", "a:b", "a@b"])
def test_what_is_no_host_is_refused_by_its_position(host: str) -> None:
    with pytest.raises(BadSetting, match=re.escape("'router.hosts[1]' is no name of a host")):
        from_mapping(tables("router.hosts", ["a.example", host]))
