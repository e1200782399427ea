"""The tokens that are valid now. The file of named ones is read again as soon as it has changed.

A file that cannot be read or understood, or that others may read or write, counts as empty: the
change that broke it may have been a revocation. The operator's own token is not in it."""

import logging
import os
import stat
from hmac import compare_digest
from pathlib import Path

from rollout.access_tokens import OPERATOR, VARIABLE, NamedToken, TokenRole, digest_of, from_text
from rollout.errors import BadTokens

log = logging.getLogger("sluice.access")
LARGEST_FILE = 64 * 1024
Stamp = tuple[int, ...]


class TokenList:
    """The tokens of one router. Threads may share it.

    file: of the named ones, None without any. text: the list where a platform keeps it in the
    environment, which replaces the file."""

    def __init__(self, operator_token: str, file: Path | None = None, text: str = "") -> None:
        self._file, self._text = file, text
        self._own: tuple[NamedToken, ...] = ()
        if operator_token:
            digest = digest_of(operator_token.encode())
            self._own = (NamedToken(OPERATOR, TokenRole.OPERATOR, digest),)

        self._kept: tuple[Stamp, tuple[NamedToken, ...]] = ((), ())
        if text:
            self._kept = ((), _understood(text, VARIABLE, "`python deploy.py up` sets it"))

    def of_token(self, token: bytes) -> NamedToken | None:
        """The named token that was shown, None if there is none."""
        shown = digest_of(token)
        match = None
        # All of them are compared: the time tells nothing about which one it is.
        for known in self._tokens():
            if compare_digest(known.sha256, shown):
                match = known

        return match

    def of_name(self, name: str) -> NamedToken | None:
        """The token of that name, None if it was revoked."""
        for known in self._tokens():
            if known.name == name:
                return known

        return None

    def _tokens(self) -> tuple[NamedToken, ...]:
        if self._file is not None and not self._text:
            stamp = _stamp(self._file)
            if stamp != self._kept[0]:
                self._kept = (stamp, _read(self._file, stamp))

        return (*self._own, *self._kept[1])


def _stamp(path: Path) -> Stamp:
    """What changes with the file, its mode at the end; empty where there is none."""
    try:
        status = os.stat(path)
    except FileNotFoundError:
        return ()
    except OSError as error:
        return (-(error.errno or 0),)

    return status.st_mtime_ns, status.st_ctime_ns, status.st_ino, status.st_size, status.st_mode


def _read(path: Path, stamp: Stamp) -> tuple[NamedToken, ...]:
    if not stamp:
        return ()

    if stamp[-1] > 0 and stat.S_IMODE(stamp[-1]) & 0o077:
        _refuse(str(path), "others may read or write it", f"`chmod 600 {path}`")
        return ()

    if stamp[-1] > 0 and not stat.S_ISREG(stamp[-1]):
        # To open a pipe would wait for its writer, and all requests with it.
        _refuse(str(path), "it is no regular file", "restore it from a backup")
        return ()

    try:
        with path.open("rb") as file:
            text = file.read(LARGEST_FILE + 1).decode()
    except (OSError, UnicodeDecodeError) as error:
        _refuse(str(path), f"it cannot be read ({error})", "restore it from a backup")
        return ()

    if len(text) > LARGEST_FILE:
        _refuse(str(path), f"it is larger than {LARGEST_FILE} bytes", "restore it from a backup")
        return ()

    return _understood(text, str(path), "restore it, or remove it and make the tokens anew")


def _understood(text: str, name: str, remedy: str) -> tuple[NamedToken, ...]:
    try:
        return from_text(text)
    except BadTokens as error:
        _refuse(name, str(error), remedy)
        return ()


def _refuse(name: str, why: str, remedy: str) -> None:
    log.error("%s: %s, so no named token is valid until it is mended: %s", name, why, remedy)
