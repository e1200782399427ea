"""The logs of router and service on standard error: a line for people, or one JSON object a line.

gunicorn's lines, Flask's, warnings and Sluice's own have the same form. No line has a user's row:
the text of an unexpected exception, which may quote one, is left out; its kind and its stack stay.
"""

import json
import logging
import logging.config
import re
import traceback
import warnings
from typing import Any

from gunicorn.glogging import Logger

TEXT, JSON = "text", "json"
FORMATS = (TEXT, JSON)
FIELDS = ("request_id", "version", "rollout", "revision", "status", "reason", "trace_id")
"""What a record may say apart from its message, where it is known."""
LINE = "%(asctime)s [%(process)d] [%(levelname)s] %(message)s"
TIME = "[%Y-%m-%d %H:%M:%S %z]"
# A process that cannot start says why; no request was there yet.
_AT_START = "Exception in worker process"
# What cannot be taken for another field.
_PLAIN = re.compile(r"[\w.:/@+-]+", re.ASCII)
_constant: dict[str, str] = {}


def configuration(form: str, process: str) -> dict[str, Any]:
    """For logging.config.

    form: of FORMATS. process: router or service, told in each object."""
    formatter: dict[str, Any] = {"()": TextLines, "fmt": LINE, "datefmt": TIME}
    if form == JSON:
        formatter = {"()": json_lines, "process": process}

    handler = {
        "class": "wire.observability.unhindered_lines.UnhinderedLines",
        "formatter": "lines",
        "filters": ["safe"],
        "stream": "ext://sys.stderr",
    }
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"lines": formatter},
        "filters": {"safe": {"()": WithoutRows}},
        "handlers": {"stderr": handler},
        # Libraries speak of addresses at INFO, some of which are secrets.
        "root": {"level": "WARNING", "handlers": ["stderr"]},
        "loggers": {
            "sluice": {"level": "INFO"},
            "gunicorn.error": {"level": "INFO", "handlers": [], "propagate": True},
            "gunicorn.access": {"level": "INFO", "handlers": [], "propagate": True},
            # It quotes callers' headers, a line for each request with an odd one.
            "opentelemetry.trace": {"level": "CRITICAL"},
        },
    }


def gunicorn_logger(form: str, process: str) -> type[Logger]:
    """For gunicorn's `logger_class`. Its `logconfig_dict` would also log every request."""

    class ConfiguredLogger(Logger):  # type: ignore[misc]
        """gunicorn's loggers, with these lines."""

        def setup(self, cfg: Any) -> None:
            """gunicorn: at its start."""
            super().setup(cfg)
            logging.config.dictConfig(configuration(form, process))

    return ConfiguredLogger


def add_to_all(**fields: str) -> None:
    """Fields of all further records of this process, and of those that are forked from it."""
    _constant.update(fields)


def json_lines(process: str) -> logging.Formatter:
    """The formatter of python-json-logger; that of text where the package is missing."""
    try:
        from pythonjsonlogger.msgspec import MsgspecFormatter
    except ImportError:
        return TextLines(
            f'{LINE} (logs.format = "json" needs python-json-logger, which is missing: `pip '
            f"install python-json-logger`)",
            TIME,
        )

    return MsgspecFormatter(
        ["levelname", "name", "message", "process"],
        rename_fields={"levelname": "level", "name": "logger", "process": "pid"},
        static_fields={"process_type": process},
        timestamp="time",
    )


def show_warnings() -> None:
    """Log Python's warnings by kind and position: their text may quote a row."""

    def show(
        _message: Any, category: type[Warning], filename: str, lineno: int, *_rest: Any
    ) -> None:
        log = logging.getLogger("py.warnings")
        log.warning("%s in %s, line %d", category.__name__, filename, lineno)

    warnings.showwarning = show  # type: ignore[assignment]


class TextLines(logging.Formatter):
    """A line of text, with the record's fields behind the message.

    Line breaks and other control characters in either are escapes: whatever a caller sent, or a
    message quotes, is no line and no field of its own."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802
        """logging: the first line."""
        fields = [
            f"{name}={_field(value)}"
            for name in FIELDS
            if (value := getattr(record, name, None)) not in (None, "")
        ]
        record.message = _one_line(record.message)
        return " ".join([super().formatMessage(record), *fields])


def _field(value: object) -> str:
    text = str(value)
    return text if _PLAIN.fullmatch(text) else json.dumps(text)


def _one_line(text: str) -> str:
    if text.isprintable():
        return text
    return "".join(
        sign if sign.isprintable() else sign.encode("unicode_escape").decode() for sign in text
    )


class WithoutRows(logging.Filter):
    """Takes the texts of exceptions from records, and adds the process's own fields."""

    def filter(self, record: logging.LogRecord) -> bool:
        """logging: every record stays."""
        for name, value in _constant.items():
            if not hasattr(record, name):
                setattr(record, name, value)

        if record.exc_info and record.exc_info[1] is not None and record.msg != _AT_START:
            record.exc_text = stack_of(record.exc_info[1])
            record.exc_info = None

        return True


def stack_of(error: BaseException | None) -> str:
    """The stacks of an exception and of its causes, the cause first, without their texts."""
    parts: list[str] = []
    known: set[int] = set()
    while error is not None and id(error) not in known:
        known.add(id(error))
        kind = type(error)
        stack = "".join(traceback.format_tb(error.__traceback__))
        parts.insert(0, f"{stack}{kind.__module__}.{kind.__qualname__}")
        error = error.__cause__ or error.__context__

    return "\n".join(parts)
