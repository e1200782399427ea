"""One form of all lines; what an exception quotes of a row is in none of them."""

import json
import logging
import logging.config
import sys
import warnings
from collections.abc import Callable, Iterator

import pytest

from wire.observability import logs

ROW = "Ann Smith, 41"
log = logging.getLogger("sluice.test")


@pytest.fixture
def written(monkeypatch, capsys) -> Iterator[Callable[[], str]]:
    """What was written to standard error; logging and warnings are as before afterwards."""
    monkeypatch.setattr(logs, "_constant", {})
    monkeypatch.setattr(warnings, "showwarning", warnings.showwarning)
    root = logging.getLogger()
    before = root.handlers[:], root.level
    yield lambda: capsys.readouterr().err
    root.handlers[:], root.level = before
    for name in ("sluice", "gunicorn.error", "gunicorn.access"):
        logging.getLogger(name).setLevel(logging.NOTSET)


def fail() -> None:
    """What a model does with a row."""
    try:
        raise KeyError(ROW)
    except KeyError as error:
        raise ValueError(f"could not convert {ROW}") from error


@pytest.mark.parametrize("form", logs.FORMATS)
def test_an_exceptions_kind_and_stack_are_logged_and_not_its_text(form, written) -> None:
    logging.config.dictConfig(logs.configuration(form, "router"))
    try:
        fail()
    except ValueError:
        log.exception("a request could not be answered")

    text = written()
    for words in ("a request could not be answered", "builtins.ValueError", "builtins.KeyError"):
        assert words in text
    assert "in fail" in text
    assert ROW not in text


def test_a_line_of_json_has_the_fields_that_are_known(written) -> None:
    logging.config.dictConfig(logs.configuration("json", "service"))
    logs.add_to_all(version="v2")
    log.warning("a request %s", "failed", extra={"request_id": "ab-1", "rollout": "flights:4"})
    logging.getLogger("gunicorn.error").info("Listening")
    first, second = map(json.loads, written().splitlines())
    assert first.pop("time").endswith("Z")
    assert isinstance(first.pop("pid"), int)
    assert first == {
        "level": "WARNING",
        "logger": "sluice.test",
        "message": "a request failed",
        "process_type": "service",
        "version": "v2",
        "request_id": "ab-1",
        "rollout": "flights:4",
    }
    assert (second["message"], second["version"]) == ("Listening", "v2")


def test_a_line_of_text_has_them_behind_the_message(written) -> None:
    logging.config.dictConfig(logs.configuration("text", "router"))
    log.info("a request failed", extra={"request_id": "ab-1", "version": "v2"})
    assert written().endswith("[INFO] a request failed request_id=ab-1 version=v2\n")


def test_a_process_that_cannot_start_says_why(written) -> None:
    logging.config.dictConfig(logs.configuration("json", "router"))
    try:
        raise ValueError("SLUICE_TOKEN_KEY is missing")
    except ValueError:
        logging.getLogger("gunicorn.error").exception("Exception in worker process")

    assert "SLUICE_TOKEN_KEY is missing" in json.loads(written())["exc_info"]


def test_a_warning_is_logged_by_its_kind(written) -> None:
    logging.config.dictConfig(logs.configuration("json", "service"))
    logs.show_warnings()
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logs.show_warnings()
        warnings.warn(f"unknown category in {ROW}", UserWarning, stacklevel=1)

    line = json.loads(written())
    assert line["logger"] == "py.warnings"
    assert line["message"].startswith("UserWarning in ")
    assert ROW not in line["message"]


def test_a_causes_circle_ends() -> None:
    first, second = ValueError(ROW), KeyError(ROW)
    first.__cause__, second.__cause__ = second, first
    assert logs.stack_of(first) == "builtins.KeyError\nbuiltins.ValueError"


def test_without_the_package_the_lines_are_text_and_say_so(written, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "pythonjsonlogger.msgspec", None)
    logging.config.dictConfig(logs.configuration("json", "router"))
    log.warning("a request failed")
    text = written()
    assert "a request failed" in text
    assert "pip install python-json-logger" in text


def test_a_line_of_text_is_one_line_whatever_its_message_quotes(written) -> None:
    logging.config.dictConfig(logs.configuration("text", "router"))
    forged = {"request_id": "ab status=200 trace_id=1", "reason": "a\n[INFO] forged"}
    log.info("no such file: %s", "a\n[INFO] forged\x1b[2J\x9b\u2028 é", extra=forged)
    line = written()
    assert line.endswith(
        "no such file: a\\n[INFO] forged\\x1b[2J\\x9b\\u2028 é "
        'request_id="ab status=200 trace_id=1" reason="a\\n[INFO] forged"\n'
    )
    assert len(line.splitlines()) == 1


def test_an_exceptions_stack_still_has_lines_of_its_own(written) -> None:
    logging.config.dictConfig(logs.configuration("text", "router"))
    try:
        fail()
    except ValueError:
        log.exception("a request could not be answered")

    assert len(written().splitlines()) > 3


def test_what_a_library_quotes_of_callers_headers_is_not_logged(written) -> None:
    logging.config.dictConfig(logs.configuration("text", "router"))
    logging.getLogger("opentelemetry.trace.span").warning("Member doesn't match %s", ROW)
    assert written() == ""
