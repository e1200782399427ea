"""deploy.toml as one value. An unknown key or a value of the wrong kind is refused by its path,
never ignored.

`from_mapping` takes the parsed TOML; the commented deploy.toml in the repository is the manual of
these fields."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from typing import Any, TypeVar, get_origin, get_type_hints

from rollout.errors import BadSetting
from rollout.renamed_settings import with_current_names
from rollout.state.policy import VerdictConfig, check, numbers

T = TypeVar("T")


@dataclass(frozen=True)
class Unit:
    """What is assigned to a version: the first of these that a request has, else a cookie, else the
    request itself.
    """

    header: str = "X-Unit-Id"
    cookie: str = ""
    field: str = ""
    set_cookie: bool = False


@dataclass(frozen=True)
class Limits:
    """Bounds of the data plane; each queue and wait has one."""

    deadline_ms: int = 10_000
    version_timeout_ms: int = 4_000
    max_batch_rows: int = 512
    max_batches_in_flight: int = 2
    max_queue_rows: int = 8_192
    max_queue_ms: int = 500
    max_body_bytes: int = 8_388_608
    max_bodies_bytes: int = 67_108_864
    max_rows: int = 10_000
    max_row_bytes: int = 262_144
    max_shadow_queue_rows: int = 2_048
    max_feedback_bytes: int = 2_097_152


@dataclass(frozen=True)
class RouterSettings:
    """The routing layer: where it listens and what it allows."""

    host: str = "127.0.0.1"
    port: int = 8000
    workers: int = 1
    pinning: bool | str = "loopback"
    open_on_loopback: bool = True
    public: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()
    session_s: float = 43_200.0
    fallback: bool = True
    shadow_tolerance: float = 1e-6
    recent_rows: int = 500
    unit: Unit = field(default_factory=Unit)
    limits: Limits = field(default_factory=Limits)


@dataclass(frozen=True)
class Delivery:
    """How a bundle is proved: the largest difference between the ONNX form and the pipeline that is
    certified.
    """

    tolerance: float = 1e-5


@dataclass(frozen=True)
class Deployment:
    """Versions' processes: how many, on which runtime they serve, what is waited for, and for how
    long (seconds).
    """

    target: str = "local"
    runtime: str = "certified"
    ready_timeout_s: float = 120.0
    drain_timeout_s: float = 30.0
    threads: int = 4
    workers: int = 1


@dataclass(frozen=True)
class DriftSettings:
    """How columns and answers are watched.

    rows_per_s: that all router workers have counted, 0 for none. tolerance: a share. window_s: of
    the detector over time.
    """

    rows_per_s: float = 500.0
    tolerance: float = 0.1
    false_alarm_days: float = 30.0
    window_s: float = 600.0


@dataclass(frozen=True)
class WebhookSettings:
    """Who gets every new revision of the ledger."""

    urls: tuple[str, ...] = ()


@dataclass(frozen=True)
class LogSettings:
    """The form of the lines that router and versions log."""

    format: str = "text"


@dataclass(frozen=True)
class TraceSettings:
    """Where spans are sent, none if empty; and of how many requests whose caller does not say."""

    endpoint: str = ""
    ratio: float = 0.001


@dataclass(frozen=True)
class Heroku:
    """Heroku as a target: one app for the router and one a version, their dynos, and the ledger's
    database.
    """

    app_prefix: str = ""
    team: str = ""
    region: str = "us"
    stack: str = "heroku-24"
    router_size: str = "Basic"
    router_dynos: int = 1
    version_size: str = "Basic"
    version_dynos: int = 1
    postgres: str = "essential-0"
    predicts_files: bool = False
    keep: int = 3
    warm_s: float = 900.0


@dataclass(frozen=True)
class LoadSettings:
    """What a load test must keep, and how far it may go: times from the intended start
    (milliseconds), shares of the requests, requests a second, and seconds.
    """

    p50_ms: float = 50.0
    p99_ms: float = 250.0
    errors: float = 0.001
    shed: float = 0.01
    max_rate: float = 50_000.0
    max_s: float = 3_600.0
    addresses: tuple[str, ...] = ()


@dataclass(frozen=True)
class Settings:
    """All of deploy.toml."""

    model: str = "flights"
    router: RouterSettings = field(default_factory=RouterSettings)
    delivery: Delivery = field(default_factory=Delivery)
    deployment: Deployment = field(default_factory=Deployment)
    verdict: VerdictConfig = field(default_factory=VerdictConfig)
    drift: DriftSettings = field(default_factory=DriftSettings)
    webhooks: WebhookSettings = field(default_factory=WebhookSettings)
    logs: LogSettings = field(default_factory=LogSettings)
    traces: TraceSettings = field(default_factory=TraceSettings)
    heroku: Heroku = field(default_factory=Heroku)
    load: LoadSettings = field(default_factory=LoadSettings)


TARGETS = ("local", "heroku")
PINNING = "loopback"
PUBLIC = ("page", "status", "metrics", "docs")
LONGEST_PREFIX = 16
MAY_BE_ZERO = (
    "port",
    "tolerance",
    "shadow_tolerance",
    "recent_rows",
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
)
MOST_DRIFT_ROWS = 2_000
MINUTE_S = 60
DRIFT_WINDOWS_S = (300, 3_600)
SMALLEST_POSITIVE = 1e-9
_KINDS = {str: "a text", int: "a whole number", float: "a number", bool: "true or false"}
RUNTIMES = ("certified", "sklearn")
LOG_FORMATS = ("text", "json")
MOST_WORKERS = 64


def from_mapping(mapping: Mapping[str, Any]) -> Settings:
    """The settings of a parsed deploy.toml; raises BadSetting naming the key."""
    current, _ = with_current_names(mapping)
    settings = _build(Settings, current, "")
    _check(settings)
    return settings


def paths(cls: Any = Settings, prefix: str = "") -> list[str]:
    """Every setting's dotted path, in order."""
    listed: list[str] = []
    for name, kind in _kinds(cls).items():
        path = f"{prefix}{name}"
        if is_dataclass(kind):
            listed += paths(kind, f"{path}.")
        else:
            listed.append(path)

    return listed


def _kinds(cls: Any) -> dict[str, Any]:
    """The type of each setting of a table."""
    hints = get_type_hints(cls)
    return {setting.name: hints[setting.name] for setting in fields(cls)}


def _build(cls: type[T], mapping: Mapping[str, Any], prefix: str) -> T:
    kinds = _kinds(cls)
    for key in mapping:
        if key not in kinds:
            raise BadSetting(
                f"deploy.toml: unknown key '{prefix}{key}' (known here: {', '.join(kinds)})"
            )

    values = {}
    for key, value in mapping.items():
        values[key] = _value(kinds[key], value, f"{prefix}{key}")

    return cls(**values)


def _value(kind: Any, value: Any, path: str) -> Any:
    if is_dataclass(kind) and isinstance(kind, type):
        if not isinstance(value, Mapping):
            raise BadSetting(f"deploy.toml: '{path}' is a table, not {value!r}")
        return _build(kind, value, f"{path}.")

    if get_origin(kind) is tuple:
        return _texts(value, path)
    if kind == bool | str:
        return _pinning(value, path)
    if kind is float and type(value) is int:
        return float(value)
    if type(value) is not kind:
        raise BadSetting(f"deploy.toml: '{path}' is {_KINDS[kind]}, not {value!r}")

    return value


def _pinning(value: Any, path: str) -> bool | str:
    if type(value) is bool:
        return value
    if value != PINNING:
        raise BadSetting(f"deploy.toml: '{path}' is \"{PINNING}\", true or false, not {value!r}")
    return PINNING


def _texts(value: Any, path: str) -> tuple[str, ...]:
    if not isinstance(value, list) or set(map(type, value)) - {str}:
        raise BadSetting(f"deploy.toml: '{path}' is a list of texts, not {value!r}")
    return tuple(value)


def _check(settings: Settings) -> None:
    _check_name("model", settings.model)
    _check_numbers("router", settings.router)
    _check_numbers("router.limits", settings.router.limits)
    _check_numbers("delivery", settings.delivery)
    _check_numbers("deployment", settings.deployment)
    _check_word("deployment.target", settings.deployment.target, TARGETS)
    _check_word("deployment.runtime", settings.deployment.runtime, RUNTIMES)
    if settings.router.port > 65_535:
        raise BadSetting(f"deploy.toml: 'router.port' is at most 65535, not {settings.router.port}")

    if settings.deployment.workers > MOST_WORKERS:
        raise BadSetting(
            f"deploy.toml: 'deployment.workers' is at most {MOST_WORKERS}, not "
            f"{settings.deployment.workers}"
        )

    for area in settings.router.public:
        _check_word("router.public", area, PUBLIC)

    _check_hosts("router.hosts", settings.router.hosts)
    _check_urls("webhooks.urls", settings.webhooks.urls)
    _check_drift(settings.drift)
    _check_word("logs.format", settings.logs.format, LOG_FORMATS)
    _check_traces(settings.traces)
    _check_load(settings.load)
    _check_numbers("heroku", settings.heroku)
    _check_heroku(settings.heroku)
    for path, table in numbers(settings.verdict):
        _check_numbers(path, table)

    check(settings.verdict)


def _check_numbers(path: str, table: Any) -> None:
    for setting in fields(table):
        value = getattr(table, setting.name)
        if type(value) in (int, float):
            _check_number(f"{path}.{setting.name}", value, setting.name in MAY_BE_ZERO)


def _check_number(path: str, value: float, may_be_zero: bool) -> None:
    smallest = 0.0 if may_be_zero else SMALLEST_POSITIVE
    if smallest <= value < float("inf"):
        return

    least = "of at least 0" if may_be_zero else "above 0"
    raise BadSetting(f"deploy.toml: '{path}' is a number {least}, not {value}")


def _check_word(path: str, word: str, known: tuple[str, ...]) -> None:
    if word not in known:
        raise BadSetting(f"deploy.toml: '{path}' is one of {', '.join(known)}, not {word!r}")


def _check_urls(path: str, urls: tuple[str, ...]) -> None:
    for index, url in enumerate(urls):
        # The address may be a secret, so the message does not repeat it.
        if not _is_web(url):
            raise BadSetting(
                f"deploy.toml: '{path}[{index}]' is no address: http://host/path or "
                f"https://host/path is"
            )

        if url in urls[:index]:
            raise BadSetting(
                f"deploy.toml: '{path}[{index}]' is there twice: name each receiver once"
            )


def _check_hosts(path: str, hosts: tuple[str, ...]) -> None:
    for index, host in enumerate(hosts):
        name, _, port = host.partition(":")
        plain = name.replace("-", "").replace(".", "")
        if not (plain.isalnum() and plain.isascii() and (not port or port.isdigit())):
            raise BadSetting(
                f"deploy.toml: '{path}[{index}]' is no name of a host: models.example.com or "
                f"models.example.com:8443 is, not {host!r}"
            )


def _check_drift(drift: DriftSettings) -> None:
    _check_numbers("drift", drift)
    if drift.rows_per_s > MOST_DRIFT_ROWS:
        raise BadSetting(
            f"deploy.toml: 'drift.rows_per_s' is at most {MOST_DRIFT_ROWS}, not {drift.rows_per_s}"
        )

    if drift.tolerance >= 1:
        raise BadSetting(
            f"deploy.toml: 'drift.tolerance' is a share below 1, not {drift.tolerance}"
        )

    # With a few windows between false alarms nothing is evidence.
    if drift.false_alarm_days < 1:
        raise BadSetting(
            f"deploy.toml: 'drift.false_alarm_days' is at least 1, not {drift.false_alarm_days}"
        )

    least, most = DRIFT_WINDOWS_S
    is_whole = most % drift.window_s == 0 and drift.window_s % MINUTE_S == 0
    if not least <= drift.window_s <= most or not is_whole:
        raise BadSetting(
            f"deploy.toml: 'drift.window_s' divides an hour into windows of {least} s or more, of "
            f"whole minutes as the history has them, not {drift.window_s}"
        )


def _check_traces(traces: TraceSettings) -> None:
    _check_numbers("traces", traces)
    if traces.ratio > 1:
        raise BadSetting(f"deploy.toml: 'traces.ratio' is at most 1, not {traces.ratio}")

    if traces.endpoint and not _is_web(traces.endpoint):
        # The address may be a secret, so the message does not repeat it.
        raise BadSetting(
            "deploy.toml: 'traces.endpoint' is no address: http://host:4318 or https://host is"
        )


def _check_load(load: LoadSettings) -> None:
    _check_numbers("load", load)
    _check_urls("load.addresses", load.addresses)
    for name in ("errors", "shed"):
        if getattr(load, name) > 1:
            raise BadSetting(
                f"deploy.toml: 'load.{name}' is a share of at most 1, not {getattr(load, name)}"
            )


LAST_PORT = 65_535
_WEB = re.compile(
    r"https?://(\[[0-9a-fA-F:.]+\]|[^\[\]:/?#@]{1,253})(:(?P<port>[0-9]{1,5}))?(?=[/?#]|$)"
)


def _is_web(url: str) -> bool:
    """Whether it is an address of HTTP, without a user in it."""
    match = _WEB.match(url)
    is_plain = url.isprintable() and " " not in url
    return match is not None and is_plain and 0 < int(match["port"] or 80) <= LAST_PORT


def _check_heroku(heroku: Heroku) -> None:
    prefix = heroku.app_prefix
    plain = prefix.replace("-", "")
    if prefix and not (
        plain.isalnum() and prefix.isascii() and prefix == prefix.lower() and prefix[0].isalpha()
    ):
        raise BadSetting(
            f"deploy.toml: 'heroku.app_prefix' is a-z, 0-9 and '-', a letter first, not {prefix!r}"
        )

    if prefix.endswith("-") or len(prefix) > LONGEST_PREFIX or len(prefix) == 1:
        raise BadSetting(
            f"deploy.toml: 'heroku.app_prefix' has 2 to {LONGEST_PREFIX} signs and no '-' at its "
            f"end, not {prefix!r}"
        )

    for name in ("region", "stack", "router_size", "version_size", "postgres"):
        _check_word_like(f"heroku.{name}", getattr(heroku, name))

    if heroku.team:
        _check_word_like("heroku.team", heroku.team)


def _check_word_like(path: str, text: str) -> None:
    plain = text.replace("-", "").replace(".", "").replace("_", "")
    if not (plain.isalnum() and plain.isascii()):
        raise BadSetting(
            f"deploy.toml: '{path}' is letters, digits, '-', '_' and '.', not {text!r}"
        )


def _check_name(path: str, name: str) -> None:
    if not is_name(name):
        raise BadSetting(
            f"deploy.toml: '{path}' is letters, digits, '-', '_' and '.' (at most 64), not {name!r}"
        )


def is_name(name: str) -> bool:
    """Whether `name` may name a model or a version: it becomes a folder, a label and a header."""
    plain = name.replace("-", "").replace("_", "").replace(".", "")
    return plain.isalnum() and plain.isascii() and len(name) <= 64 and name[0].isalnum()
