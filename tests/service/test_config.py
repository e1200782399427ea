"""The surroundings of a service, and what is said when they are wrong."""

from pathlib import Path

import pytest

from service.config import ServiceMisconfigured, from_environment

LEAST = {"SLUICE_BUNDLE": "releases/v1", "SLUICE_SERVICE_SECRET": "sixteen letters!"}


def test_the_least_that_is_needed_is_a_bundle_and_a_secret():
    made = from_environment(LEAST)
    assert (made.bundle, made.public_key) == (Path("releases/v1"), Path("keys/sluice.pub"))
    assert (made.runtime, made.bind, made.workers, made.threads) == (None, "0.0.0.0:8080", 1, 4)


def test_everything_can_be_set():
    names = {"SLUICE_PUBLIC_KEY": "a.pub", "SLUICE_RUNTIME": "sklearn", "SLUICE_BIND": "unix:s"}
    made = from_environment(
        {**LEAST, **names, "PORT": "5000", "WEB_CONCURRENCY": "3", "SLUICE_THREADS": "8"}
    )
    assert (made.public_key, made.runtime, made.bind) == (Path("a.pub"), "sklearn", "unix:s")
    assert (made.workers, made.threads, made.parent) == (3, 8, None)
    assert from_environment({**LEAST, "SLUICE_PARENT": "41"}).parent == 41


def test_logs_are_text_and_there_are_no_spans_unless_they_are_asked_for():
    made = from_environment(LEAST)
    assert (made.log_format, made.traces) == ("text", "")
    asked = {"SLUICE_LOG_FORMAT": "json", "SLUICE_TRACES": "http://127.0.0.1:4318"}
    made = from_environment({**LEAST, **asked})
    assert (made.log_format, made.traces) == ("json", "http://127.0.0.1:4318")


def test_a_platform_that_gives_a_port_is_obeyed():
    assert from_environment({**LEAST, "PORT": "5000"}).bind == "0.0.0.0:5000"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SLUICE_BUNDLE", ""),
        ("SLUICE_SERVICE_SECRET", ""),
        ("SLUICE_SERVICE_SECRET", "fifteen letters"),
        ("SLUICE_RUNTIME", "tensorflow"),
        ("WEB_CONCURRENCY", "0"),
        ("WEB_CONCURRENCY", "257"),
        ("WEB_CONCURRENCY", "-1"),
        ("WEB_CONCURRENCY", "two"),
        ("WEB_CONCURRENCY", "²"),
        ("SLUICE_THREADS", "1.5"),
        ("SLUICE_PARENT", "-1"),
        ("SLUICE_PARENT", "me"),
        ("SLUICE_LOG_FORMAT", "yaml"),
    ],
)
def test_what_is_missing_or_wrong_is_named(name, value):
    with pytest.raises(ServiceMisconfigured, match=name):
        from_environment({**LEAST, name: value})


def test_a_setting_that_is_empty_is_as_good_as_none():
    empty = dict.fromkeys(
        ("SLUICE_RUNTIME", "SLUICE_BIND", "WEB_CONCURRENCY", "SLUICE_THREADS", "SLUICE_PARENT"),
        "",
    )
    assert from_environment({**LEAST, **empty}) == from_environment(LEAST)


def test_the_secret_is_never_printed():
    made = from_environment(LEAST)
    assert "sixteen" not in repr(made)
    with pytest.raises(ServiceMisconfigured) as refused:
        from_environment({**LEAST, "SLUICE_SERVICE_SECRET": "hunter2"})
    assert "hunter2" not in str(refused.value)
