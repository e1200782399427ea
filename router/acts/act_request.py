"""One act as it was asked for over HTTP, and the command that does the same on the terminal."""

import shlex
from dataclasses import dataclass
from typing import Any

from rollout.decide.decisions import COMMAND
from rollout.settings import is_name
from router.problems import Problem

ACTS = ("promote", "step", "pause", "resume", "abort", "rollback")
OF_A_VERSION = ("promote", "step")
LONGEST_REASON = 500
LARGEST_REVISION = 2**31 - 1


@dataclass(frozen=True)
class ActRequest:
    """version: of promote and step, empty for the candidate in progress. revision: the one that the
    operator looked at, None to act on whatever is newest.
    """

    act: str
    version: str = ""
    revision: int | None = None
    reason: str = ""

    def command(self, candidate: str = "") -> str:
        """The command of the terminal. candidate: of the rollout in progress."""
        words = [self.act]
        if self.act in OF_A_VERSION:
            words = ["promote", self.version or candidate or "VERSION"]
        if self.act == "step":
            words.append("--step")
        if self.reason:
            words += ["-m", shlex.quote(self.reason)]
        return f"{COMMAND} {' '.join(words)}"


def act_request(act: str, fields: dict[str, Any], of_form: bool = False) -> ActRequest:
    """The act of a body's fields; raises Problem 400, 404. of_form: numbers are texts."""
    if act not in ACTS:
        raise Problem(404, f"there is no such act: /acts/ has {', '.join(ACTS)}")

    known = {"revision", "reason", "version"} if act in OF_A_VERSION else {"revision", "reason"}
    if unknown := sorted(set(fields) - known):
        raise Problem(
            400, f"unknown field {str(unknown[0])[:40]!r}: {act} takes {', '.join(sorted(known))}"
        )

    asked = ActRequest(act, _version(fields), _revision(fields, of_form), _reason(fields))
    if asked.revision is None and act != "rollback":
        raise Problem(
            400,
            "`revision` is missing: send the one that you look at, as GET /status has it, so that "
            "nothing is done to a rollout that has changed since",
        )

    return asked


def _version(fields: dict[str, Any]) -> str:
    version = _text(fields, "version")
    if version and not is_name(version):
        raise Problem(400, "`version` is no name of a version")
    return version


def _revision(fields: dict[str, Any], of_form: bool) -> int | None:
    given = fields.get("revision")
    if of_form and isinstance(given, str):
        given = _number(given)
    if given is None:
        return None

    if type(given) is not int or not 0 <= given <= LARGEST_REVISION:
        raise Problem(400, "`revision` is the number of a revision: GET /status has it")
    return given


def _number(text: str) -> int | str | None:
    """A form's text as a number, None where the field was left empty."""
    if not text:
        return None
    if text.isascii() and text.isdigit() and len(text) <= len(str(LARGEST_REVISION)):
        return int(text)
    return text


def _reason(fields: dict[str, Any]) -> str:
    reason = _text(fields, "reason")
    if len(reason) > LONGEST_REASON:
        raise Problem(400, f"the reason has {len(reason)} characters: {LONGEST_REASON} are allowed")
    return reason.strip()


def _text(fields: dict[str, Any], name: str) -> str:
    given = fields.get(name)
    if given is None:
        return ""
    if not isinstance(given, str):
        raise Problem(400, f"`{name}` is a text")
    return given
