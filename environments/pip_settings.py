"""pip's configuration of package indexes, for uv, which does not read it."""

import configparser
import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

# Of uv's own settings: who set one of these has told uv where packages are.
UV_INDEXES = (
    "UV_INDEX",
    "UV_DEFAULT_INDEX",
    "UV_INDEX_URL",
    "UV_EXTRA_INDEX_URL",
    "UV_FIND_LINKS",
    "UV_NO_INDEX",
    "UV_CONFIG_FILE",
)
_SECTIONS = ("global", "install")
_WORDS = {
    "index-url": ("UV_DEFAULT_INDEX", " "),
    "extra-index-url": ("UV_INDEX", " "),
    "find-links": ("UV_FIND_LINKS", ","),
    "trusted-host": ("UV_INSECURE_HOST", " "),
    "cert": ("SSL_CERT_FILE", " "),
    "proxy": ("ALL_PROXY", " "),
    "timeout": ("UV_HTTP_TIMEOUT", " "),
}
_TRUE = ("1", "true", "yes", "on")


def for_uv(environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Variables that tell uv what pip's files and variables say; none where uv has its own."""
    if any(environ.get(name) for name in UV_INDEXES) or any(map(Path.is_file, _uv_files(environ))):
        return {}

    variables: dict[str, str] = {}
    settings = _settings(environ)
    for option, (variable, separator) in _WORDS.items():
        words = settings.get(option, "").split()
        if words and variable not in environ:
            variables[variable] = separator.join(words)

    if settings.get("no-index", "").lower() in _TRUE:
        variables["UV_NO_INDEX"] = "1"
    if "UV_INDEX" in variables:
        # As pip chooses: of all indexes alike.
        variables["UV_INDEX_STRATEGY"] = "unsafe-best-match"
    return variables


def _settings(environ: Mapping[str, str]) -> dict[str, str]:
    """pip's options: its files in its own order, then its variables."""
    settings: dict[str, str] = {}
    for path in _pip_files(environ):
        parser = configparser.RawConfigParser()
        try:
            parser.read(path, encoding="utf-8")
        except (configparser.Error, UnicodeDecodeError, OSError):
            # pip itself says what is wrong with its file.
            continue
        for section in _SECTIONS:
            if parser.has_section(section):
                settings |= dict(parser.items(section))

    for option in (*_WORDS, "no-index"):
        value = environ.get(f"PIP_{option.upper().replace('-', '_')}")
        if value is not None:
            settings[option] = value

    return settings


def _pip_files(environ: Mapping[str, str]) -> Iterator[Path]:
    chosen = environ.get("PIP_CONFIG_FILE")
    if chosen == os.devnull:
        return

    yield Path("/etc/pip.conf")
    for folder in (environ.get("XDG_CONFIG_DIRS") or "/etc/xdg").split(":"):
        yield Path(folder) / "pip" / "pip.conf"
    home = Path(environ.get("HOME") or "/")
    yield home / ".pip" / "pip.conf"
    yield _config_home(environ) / "pip" / "pip.conf"
    yield Path(sys.prefix) / "pip.conf"
    if chosen:
        yield Path(chosen)


def _uv_files(environ: Mapping[str, str]) -> Iterator[Path]:
    yield Path("/etc/uv/uv.toml")
    yield _config_home(environ) / "uv" / "uv.toml"


def _config_home(environ: Mapping[str, str]) -> Path:
    return Path(environ.get("XDG_CONFIG_HOME") or Path(environ.get("HOME") or "/") / ".config")
