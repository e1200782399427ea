"""The file of named tokens: mode 0600, replaced as a whole, so that a router never reads half."""

import os
from pathlib import Path

from deployment.workspace.errors import Misconfigured
from deployment.workspace.text_file import read_text
from deployment.workspace.workspace import Workspace
from rollout.access_tokens import FILE, NamedToken, from_text, to_text
from rollout.errors import BadTokens

ANEW = "restore it from a backup, or remove it and make the tokens anew with `tokens add`"


def tokens_file(workspace: Workspace) -> Path:
    """Where they are kept."""
    return workspace.state.joinpath(*FILE)


def kept_text(workspace: Workspace) -> str | None:
    """The file as it is, None where there is none; raises Misconfigured if it cannot be read."""
    try:
        return read_text(tokens_file(workspace), ANEW, ANEW)
    except FileNotFoundError:
        return None


def read_tokens(workspace: Workspace) -> tuple[NamedToken, ...]:
    """The named tokens; raises Misconfigured where the router takes none of them."""
    path, text = tokens_file(workspace), kept_text(workspace)
    if text is None:
        return ()

    if path.stat().st_mode & 0o077:
        raise Misconfigured(
            f"{path} may be read or written by others, so no named token is valid: `chmod 600 "
            f"{path}`, then see that you know all that `python deploy.py tokens list` shows"
        )

    try:
        return from_text(text)
    except BadTokens as error:
        raise Misconfigured(f"{path}: {error}, so no named token is valid: {ANEW}") from error


def write_tokens(workspace: Workspace, tokens: tuple[NamedToken, ...]) -> None:
    """Replace the file."""
    path = tokens_file(workspace)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_suffix(f".{os.getpid()}")
    with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(to_text(tokens))
        file.flush()
        os.fsync(file.fileno())

    draft.replace(path)
